// Dashboard variables: their values from Prometheus, and their places in queries, titles and links.
import { rangeUtil } from '@grafana/data';
import { prometheus } from './prometheus.js';

const ALL = '$__all';
const REFERENCE = /\$\{([^}]+)\}|\[\[([^\]]+)\]\]|\$([A-Za-z_]\w*)/g; // ${name.path:format}, [[name:format]], $name
const PARTS = /^(\w+)((?:\.\w+|\["[^"]*"\])*)(?::(.*))?$/s;

const inString = (s) => s.replace(/\\/g, '\\\\'); // as it must stand between the quotes of a query
const inRegex = (s) => s.replace(/[\\^$.|?*+()[\]{}]/g, (c) => `\\${c}`);
const formats = {
  // What the Prometheus data source does with a value: a regular expression, where the variable may have several.
  query(values, variable) {
    if (!variable.multi && !variable.includeAll) return inString(values[0]);
    const parts = values.map((v) => inString(inRegex(v)));
    return parts.length === 1 ? parts[0] : `(${parts.join('|')})`;
  },
  regex: (values) => (values.length === 1 ? values[0] : `(${values.join('|')})`),
  pipe: (values) => values.join('|'),
  csv: (values) => values.join(','),
  raw: (values) => values.join(','),
  glob: (values) => (values.length === 1 ? values[0] : `{${values.join(',')}}`),
  queryparam: (values, v) => values.map((x) => `var-${v.name}=${encodeURIComponent(x)}`).join('&'),
  text: (values, v) => (v.all ? 'All' : values.map((x) => v.options.find((o) => o.value === x)?.text ?? x).join(' + ')),
};

/** Returns interpolate(text, format, scoped): scoped replaces variables by {name: {text, value}}, as a repeated row does. */
export function interpolator(variables, builtins) {
  return function interpolate(text, format = 'text', scoped = {}) {
    return String(text ?? '').replace(REFERENCE, (whole, braced, square, plain) => {
      const [, name, path, own] = PARTS.exec(braced ?? square ?? plain) ?? [];
      const asked = own ?? format;
      if (path && scoped[name]) return scoped[name](path) ?? whole;
      if (scoped[name]) return (formats[asked] ?? formats.query)([scoped[name].value], { name, multi: true, options: [scoped[name]] });
      if (asked === 'date:seconds') return Math.floor(builtins[name] / 1000);
      if (name in builtins) return builtins[name];
      const variable = variables.find((v) => v.name === name);
      if (!variable) return whole;
      if (variable.all && variable.allValue && asked !== 'text') return variable.allValue;
      return (formats[asked] ?? formats.query)(variable.values, variable);
    });
  };
}

export async function resolveVariables(list, range, chosen) {
  const done = [];
  for (const definition of list) {
    const v = { ...definition, name: definition.name, options: [], values: [] };
    const replace = interpolator(done, rangeBuiltins(range));
    if (v.type === 'datasource') v.options = [{ text: 'Prometheus', value: 'prometheus' }];
    else if (v.type === 'query') v.options = sortOptions(toOptions(await ask(replace(v.query?.query ?? v.query, 'query'), range), v.regex), v.sort);
    else if (v.type === 'interval' || v.type === 'custom')
      v.options = String(v.query).split(',').map((o) => o.trim().split(/\s+:\s+/)).map(([text, value]) => ({ text, value: value ?? text }));
    else v.options = [{ text: String(v.query ?? ''), value: String(v.query ?? '') }];
    const wanted = [chosen[v.name] ?? v.current?.value ?? []].flat().map(String);
    v.all = v.includeAll && (wanted.includes(ALL) || wanted.length === 0);
    v.values = v.all ? v.options.map((o) => o.value) : wanted.filter((w) => v.options.some((o) => o.value === w));
    if (!v.values.length && v.options.length) v.values = [v.options[0].value];
    if (!v.values.length) v.values = [''];
    done.push(v);
  }
  return done;
}

async function ask(query, range) {
  const window = { start: range.from.unix(), end: range.to.unix() };
  let m;
  if ((m = /^label_values\((?:(.+),\s*)?([\w:]+)\s*\)\s*$/s.exec(query)))
    return prometheus(`label/${m[2]}/values`, { ...window, ...(m[1] && { 'match[]': m[1] }) });
  if ((m = /^metrics\((.*)\)\s*$/s.exec(query)))
    return (await prometheus('label/__name__/values', window)).filter((n) => new RegExp(m[1]).test(n));
  if (/^label_names\(\)\s*$/.test(query)) return prometheus('labels', window);
  if ((m = /^query_result\((.*)\)\s*$/s.exec(query))) {
    const { result } = await prometheus('query', { query: m[1], time: window.end });
    return result.map(({ metric: { __name__: name = '', ...labels }, value }) =>
      `${name}{${Object.entries(labels).map(([k, v]) => `${k}="${v}"`).join(',')}} ${value[1]} ${value[0] * 1000}`);
  }
  throw new Error(`variable query not known: ${query}`);
}

function toOptions(names, regex) {
  const [, body, flags] = /^\/(.*)\/([a-z]*)$/s.exec(regex ?? '') ?? [null, regex, ''];
  const options = new Map();
  for (const name of names) {
    const m = body ? new RegExp(body, flags.replace('g', '')).exec(name) : [name];
    if (!m) continue;
    const value = m.groups?.value ?? m.groups?.text ?? m[1] ?? m[0];
    if (!options.has(value)) options.set(value, { value, text: m.groups?.text ?? value });
  }
  return [...options.values()];
}

function sortOptions(options, sort = 0) {
  if (!sort) return options;
  const compare = [(a, b) => (a < b ? -1 : a > b ? 1 : 0), (a, b) => (parseFloat(a.match(/\d+/)?.[0] ?? -1)) - parseFloat(b.match(/\d+/)?.[0] ?? -1),
    (a, b) => a.toLowerCase().localeCompare(b.toLowerCase()), (a, b) => a.localeCompare(b, undefined, { numeric: true })][Math.ceil(sort / 2) - 1];
  const sorted = [...options].sort((a, b) => compare(a.text, b.text));
  return sort % 2 ? sorted : sorted.reverse();
}

export function rangeBuiltins(range) {
  const seconds = Math.round((range.to - range.from) / 1000);
  return { __range: `${seconds}s`, __range_s: seconds, __range_ms: seconds * 1000, __from: range.from.valueOf(), __to: range.to.valueOf(),
    __dashboard: document.title, __url_time_range: `from=${range.from.valueOf()}&to=${range.to.valueOf()}` };
}

/** The step of a panel as wide as this, and the built-in variables that follow from it. */
export function stepOf(range, points, minStep, scrape = '15s') {
  const least = minStep || scrape;
  const ms = Math.max(rangeUtil.calculateInterval(range, points, least).intervalMs, Math.ceil((range.to - range.from) / 11000));
  const scrapeMs = rangeUtil.intervalToMs(scrape);
  const rate = Math.max(ms + scrapeMs, 4 * scrapeMs);
  return { ms, builtins: { ...rangeBuiltins(range), __interval: rangeUtil.secondsToHms(ms / 1000), __interval_ms: ms,
    __rate_interval: `${rate / 1000}s`, __rate_interval_ms: rate } };
}
