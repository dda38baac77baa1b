// Draws the dashboard that /dashboard.json gives, and leaves what it found in window.report for whoever took it here.
import 'uplot/dist/uPlot.min.css';
import './page.css';
import { Component } from 'react';
import { createRoot } from 'react-dom/client';
import { lastValueFrom } from 'rxjs';
import { ThemeContext, applyFieldOverrides, cacheFieldDisplayNames, createTheme, dateMath, dateTime, rangeUtil, transformDataFrame } from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import { fieldRegistry, missingTransformers } from './registries.js';
import { queryPanel } from './prometheus.js';
import { Panel, fieldDefaults, known } from './panels.jsx';
import { interpolator, resolveVariables, stepOf } from './variables.js';

const CELL = 30, GAP = 8, EDGE = 16;
const asked = new URLSearchParams(location.search);
const report = { panels: [], variables: {}, errors: [] };

/** Puts the defaults of the panel type under those of the dashboard. */
function withDefaults(panel) {
  const base = fieldDefaults[panel.type] ?? {}, own = panel.fieldConfig?.defaults ?? {};
  const custom = { ...base.custom, ...own.custom };
  return { ...panel, fieldConfig: { defaults: { ...base, ...own, color: { ...base.color, ...own.color }, custom }, overrides: panel.fieldConfig?.overrides ?? [] } };
}

/** The panels as they are laid out: rows are repeated with all below them, other panels beside or below each other. */
function layOut(panels, variables) {
  const sections = [{ row: null, panels: [] }];
  for (const p of [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x))
    if (p.type === 'row') sections.push({ row: p, panels: [...(p.panels ?? [])] });
    else sections.at(-1).panels.push(p);
  const placed = [];
  let top = 0;
  for (const { row, panels: below } of sections) {
    const repeated = row?.repeat && variables.find((v) => v.name === row.repeat);
    const runs = repeated ? repeated.values.map((value) => ({ [row.repeat]: { value, text: repeated.options.find((o) => o.value === value)?.text ?? value } })) : [{}];
    for (const scoped of runs) {
      const from = row ? row.gridPos.y + 1 : 0;
      if (row) placed.push({ panel: row, scoped, x: 0, y: top++, w: 24, h: 1 });
      let bottom = top;
      for (const p of below.flatMap((panel) => repeatPanel(panel, variables))) {
        const y = top + Math.max(0, p.panel.gridPos.y - from) + (p.down ?? 0);
        placed.push({ ...p, scoped: { ...scoped, ...p.scoped }, y });
        bottom = Math.max(bottom, y + p.h);
      }
      top = bottom;
    }
  }
  return { placed, rows: top };
}

function repeatPanel(panel, variables) {
  const { x, w, h } = panel.gridPos, variable = panel.repeat && variables.find((v) => v.name === panel.repeat);
  if (!variable) return [{ panel, x, w, h }];
  const across = panel.repeatDirection === 'v' ? 1 : Math.min(panel.maxPerRow ?? 4, variable.values.length);
  return variable.values.map((value, i) => {
    const scoped = { [panel.repeat]: { value, text: variable.options.find((o) => o.value === value)?.text ?? value } };
    const wide = panel.repeatDirection === 'v' ? w : 24 / across;
    return { panel, scoped, w: wide, h, x: panel.repeatDirection === 'v' ? x : (i % across) * wide, down: Math.floor(i / across) * h };
  });
}

/** Links and display names may also speak of the field that they stand at. */
function fieldVariables(scoped) {
  const context = scoped?.__dataContext?.value;
  if (!context) return {};
  const { frame, field, rowIndex: row = 0 } = context;
  return {
    __field: (path) => (path === '.name' ? field.name : field.labels?.[/^\.labels(?:\.|\[")([^"\]]+)/.exec(path)?.[1]] ?? ''),
    __value: (path) => { const v = field.values[row]; return path === '.text' ? String(field.display?.(v).text ?? v) : String(v); },
    __data: (path) => { const name = /^\.fields(?:\.|\[")([^"\]]+)/.exec(path)?.[1]; return String((frame.fields.find((f) => f.name === name) ?? frame.fields[name])?.values[row] ?? ''); },
  };
}

/** The range of a panel that has one of its own, such as "now/M" or "14d". */
function ownRange(panel, range, timeZone) {
  if (!panel.timeFrom) return range;
  const { from, to, invalid } = rangeUtil.describeTextRange(panel.timeFrom);
  if (invalid) throw new Error(`no range: ${panel.timeFrom}`);
  return { from: dateTime(dateMath.parse(from, false, timeZone)), to: dateTime(dateMath.parse(to, true, timeZone)), raw: { from, to } };
}

async function load({ panel: raw, scoped, w, h }, variables, shared, theme, timeZone) {
  const panel = withDefaults(raw), range = ownRange(panel, shared, timeZone), width = ((innerWidth - 2 * EDGE - 23 * GAP) / 24) * w + (w - 1) * GAP, height = CELL * h + GAP * (h - 1);
  const found = { id: panel.id, type: panel.type, scope: Object.values(scoped).map((s) => s.text).join(), series: 0, values: 0, missing: missingTransformers(panel.transformations) };
  const step = stepOf(range, panel.maxDataPoints ?? Math.round(width), panel.interval);
  const interpolate = interpolator(variables, step.builtins);
  const replace = (text, more, format) => interpolate(text, format ?? 'text', { ...scoped, ...fieldVariables(more) });
  const drawn = { panel, width, height, range, found, replace, frames: [], title: replace(panel.title) };
  found.title = drawn.title;
  report.panels.push(found);
  try {
    if (panel.type === 'row') return drawn;
    if (!known(panel.type)) throw new Error(`panel type ${panel.type} is not drawn here`);
    if (found.missing.length) throw new Error(`transformation ${found.missing} is not in @grafana/data`);
    const raws = panel.targets ? await queryPanel(panel.targets, range, step.ms, (text) => interpolate(text, 'query', scoped)) : [];
    const shaped = await lastValueFrom(transformDataFrame(panel.transformations ?? [], raws, { interpolate: (t) => interpolate(t, 'text', scoped) }));
    drawn.frames = applyFieldOverrides({ data: shaped, fieldConfig: panel.fieldConfig, fieldConfigRegistry: fieldRegistry(panel.fieldConfig), replaceVariables: replace, theme, timeZone });
    cacheFieldDisplayNames(drawn.frames);
    found.series = drawn.frames.filter((f) => f.fields.length).length;
    found.values = drawn.frames.reduce((n, f) => n + f.fields.filter((x) => x.type !== 'time').reduce((m, x) => m + x.values.filter((v) => v != null && v !== '').length, 0), 0);
    found.columns = panel.type === 'table' ? drawn.frames[0]?.fields.map((f) => f.state.displayName) : undefined;
  } catch (error) { found.error = String(error.message ?? error); }
  return drawn;
}

class Guard extends Component {
  state = {};
  static getDerivedStateFromError = (error) => ({ error });
  componentDidCatch(error) { this.props.found.error = String(error.message ?? error); }
  render() { return this.state.error ? <div className="nodata">{String(this.state.error)}</div> : this.props.children; }
}

const dashboard = await (await fetch(`dashboards/${asked.get('board')}.json`)).json();
const theme = createTheme({ colors: { mode: asked.get('theme') ?? 'dark' } });
const timeZone = dashboard.timezone || 'browser';
const from = asked.get('from') ?? dashboard.time.from, to = asked.get('to') ?? dashboard.time.to;
const range = { from: dateTime(dateMath.parse(from, false, timeZone)), to: dateTime(dateMath.parse(to, true, timeZone)), raw: { from, to } };
const chosen = Object.fromEntries([...new Set([...asked.keys()].filter((k) => k.startsWith('var-')))].map((k) => [k.slice(4), asked.getAll(k)]));
const root = createRoot(document.getElementById('root'));
document.title = dashboard.title;
root.render(<ThemeContext.Provider value={theme}><GlobalStyles /></ThemeContext.Provider>);
await new Promise((done) => setTimeout(done, 100));
await Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 14px Inter`))); // panels measure their texts when they are drawn first
try {
  const variables = await resolveVariables(dashboard.templating?.list ?? [], range, chosen);
  for (const v of variables) report.variables[v.name] = v.options.map((o) => (o.text === o.value ? o.text : `${o.text} (${o.value})`));
  const { placed, rows } = layOut(dashboard.panels, variables);
  const drawn = [];
  for (const place of placed) drawn.push({ ...place, ...(await load(place, variables, range, theme, timeZone)) });
  const cell = (innerWidth - 2 * EDGE - 23 * GAP) / 24 + GAP;
  const bar = interpolator(variables, {});
  root.render(
    <ThemeContext.Provider value={theme}><GlobalStyles />
      <div className="top" style={{ color: theme.colors.text.primary, padding: `0 ${EDGE}px` }}><b>{dashboard.title}</b>
        {variables.filter((v) => v.hide !== 2).map((v) => <span key={v.name}>{v.label || v.name}: {bar(`$${v.name}`)}</span>)}<span>{from} to {to}</span></div>
      <div className="grid" style={{ height: rows * (CELL + GAP), margin: `0 ${EDGE}px`, color: theme.colors.text.primary, fill: theme.colors.text.primary, '--line': theme.colors.border.medium }}>
        {drawn.map((d, i) => <div key={i} className="cell" data-title={d.title} data-panel={`${d.panel.id}${d.found.scope ? `-${d.found.scope}` : ''}`} style={{ left: d.x * cell, top: d.y * (CELL + GAP), width: d.width, height: d.height }}>
          {d.panel.type === 'row' ? <h6 className="heading">⌄ {d.title}</h6> :
            <PanelChrome width={d.width} height={d.height} title={d.title} description={d.panel.description} statusMessage={d.found.error} padding={d.panel.type === 'table' ? 'none' : 'md'}
              displayMode={d.panel.transparent ? 'transparent' : 'default'}>
              {(width, height) => (d.found.error ? <div className="nodata">{d.found.error}</div> :
                <Guard found={d.found}><Panel {...d} width={width} height={height} timeZone={timeZone} /></Guard>)}
            </PanelChrome>}
        </div>)}
      </div>
    </ThemeContext.Provider>);
} catch (error) { report.errors.push(String(error.stack ?? error)); }
setTimeout(() => { window.report = report; }, 1500);
