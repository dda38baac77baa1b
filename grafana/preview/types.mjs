// Holds the dashboards against the types of @grafana/schema: the dashboard, and the options and fields of each panel type.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import ts from 'typescript';

const here = (path) => new URL(path, import.meta.url).pathname;
const folder = here('../dashboards/'), out = here('dist/types');
const kinds = { stat: 'Stat', table: 'Table', timeseries: 'TimeSeries', bargauge: 'BarGauge' };
const withFields = ['table', 'timeseries'];

// An enum of the schema, as the text that JSON has for it.
const PLAIN = `type Plain<T> = T extends string ? \`\${T}\` : T extends number ? (number extends T ? T : \`\${T}\` extends \`\${infer N extends number}\` ? N : never)
  : T extends (infer I)[] ? Plain<I>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;\n`;

// What an annotation asks a Prometheus is not in the schema, which knows no data source.
const known = ({ expr, step, titleFormat, textFormat, ...annotation }) => annotation;

function source(board) {
  board.annotations.list = board.annotations.list.map(known);
  const lines = [`import type { Dashboard } from '@grafana/schema';`];
  for (const [kind, name] of Object.entries(kinds))
    lines.push(`import type * as ${kind} from '@grafana/schema/dist/esm/raw/composable/${kind}/panelcfg/x/${name}PanelCfg_types.gen';`);
  lines.push(PLAIN, `({...(${JSON.stringify(board)})}) satisfies Plain<Dashboard>;`);
  for (const panel of board.panels.filter((p) => p.type in kinds)) {
    lines.push(`(${JSON.stringify(panel.options)}) satisfies Plain<Partial<${panel.type}.Options>>;`);
    if (withFields.includes(panel.type)) lines.push(`(${JSON.stringify(panel.fieldConfig.defaults.custom ?? {})}) satisfies Plain<Partial<${panel.type}.FieldConfig>>;`);
  }
  return lines.join('\n');
}

mkdirSync(out, { recursive: true });
const files = readdirSync(folder).map((file) => {
  const path = join(out, `${basename(file, '.json')}.ts`);
  writeFileSync(path, source(JSON.parse(readFileSync(join(folder, file)))));
  return path;
});
const program = ts.createProgram(files, { strict: true, noEmit: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'], types: [] });
const faults = ts.getPreEmitDiagnostics(program);
for (const fault of faults) {
  const at = fault.file ? `${basename(fault.file.fileName)} of ${basename(dirname(fault.file.fileName))}: ` : '';
  const near = fault.file ? fault.file.text.slice(Math.max(0, fault.start - 40), fault.start + 60) : '';
  console.log(`${at}${ts.flattenDiagnosticMessageText(fault.messageText, '\n')}\n  at ${near}`);
}
console.log(`${files.length} dashboards against @grafana/schema: ${faults.length} faults`);
process.exitCode = faults.length ? 1 : 0;
