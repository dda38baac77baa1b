// One component for each panel type. Where the npm packages have none, a plain stand-in, which says so in the panel.
import { FieldColorModeId, FieldType, VizOrientation, formattedValueToString, getDisplayValueAlignmentFactors, getFieldDisplayName,
  getFieldDisplayValues, renderTextPanelMarkdown } from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, VizLegend, VizRepeater, useTheme2 } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';

const GREEN_AND_RED = { mode: 'absolute', steps: [{ color: 'green', value: null }, { color: 'red', value: 80 }] };
const THRESHOLDS = { color: { mode: FieldColorModeId.Thresholds }, thresholds: GREEN_AND_RED };
const CLASSIC = { color: { mode: FieldColorModeId.PaletteClassic }, thresholds: GREEN_AND_RED };
const LEGEND = { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] };

/** What Grafana's panel plugins take for granted where the dashboard says nothing. */
export const fieldDefaults = {
  timeseries: { ...CLASSIC, custom: { drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', showPoints: 'auto',
    pointSize: 5, spanNulls: false, axisPlacement: 'auto', axisGridShow: undefined, barAlignment: 0, stacking: { mode: 'none', group: 'A' },
    scaleDistribution: { type: 'linear' }, thresholdsStyle: { mode: 'off' }, hideFrom: { legend: false, tooltip: false, viz: false } } },
  table: { ...THRESHOLDS, custom: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false, footer: { reducers: [] } } },
  piechart: CLASSIC, barchart: CLASSIC, 'state-timeline': THRESHOLDS, stat: THRESHOLDS, gauge: THRESHOLDS, bargauge: THRESHOLDS, text: {},
};

const NoData = ({ text = 'No data' }) => <div className="nodata">{text}</div>;
const StandIn = ({ children }) => <div className="standin">{children}<small>stand-in: this panel is not in Grafana's npm packages</small></div>;

function values({ frames, panel, theme, replace, timeZone }, sparkline = false) {
  const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false, ...panel.options?.reduceOptions };
  return getFieldDisplayValues({ data: frames, fieldConfig: panel.fieldConfig, reduceOptions, replaceVariables: replace, theme, timeZone, sparkline });
}

function Repeated(props) {
  const { width, height, panel, orientation, autoGrid, draw, sparkline, spacing = 8, ...sizes } = props;
  const shown = values(props, sparkline);
  return <VizRepeater getValues={() => shown} getAlignmentFactors={getDisplayValueAlignmentFactors} width={width} height={height} source={shown} renderCounter={0}
    autoGrid={autoGrid} itemSpacing={spacing} orientation={orientation ?? panel.options?.orientation ?? VizOrientation.Auto} {...sizes}
    renderValue={(item) => draw(item, shown.length)} />;
}

function Stat(props) {
  const o = props.panel.options ?? {};
  return <Repeated {...props} autoGrid sparkline={(o.graphMode ?? 'area') !== 'none'} draw={({ value, width, height, alignmentFactors, count }) => (
    <BigValue value={value.display} count={count} sparkline={value.sparkline} width={width} height={height} theme={props.theme} alignmentFactors={alignmentFactors}
      colorMode={o.colorMode ?? 'value'} graphMode={o.graphMode ?? 'area'} justifyMode={o.justifyMode ?? 'auto'} textMode={o.textMode ?? 'auto'} text={o.text}
      disableWideLayout={o.wideLayout === false} />)} />;
}

function Bars(props) {
  const o = props.panel.options ?? {};
  return <Repeated {...props} spacing={o.displayMode === 'lcd' ? 2 : 10} minVizWidth={o.minVizWidth ?? 8} minVizHeight={o.minVizHeight ?? 16} maxVizHeight={o.maxVizHeight ?? 300}
    draw={({ value, width, height, orientation, alignmentFactors }) => (
      <BarGauge value={value.display} width={width} height={height} orientation={orientation} field={value.field} text={o.text} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
        theme={props.theme} itemSpacing={o.displayMode === 'lcd' ? 2 : 10} displayMode={o.displayMode ?? 'gradient'} alignmentFactors={alignmentFactors}
        showUnfilled={o.showUnfilled ?? true} valueDisplayMode={o.valueMode ?? 'color'} namePlacement={o.namePlacement ?? 'auto'} />)} />;
}

function Gauge(props) {
  return <StandIn><Repeated {...props} height={props.height - 16} draw={({ value: { display, field }, width, height }) => {
    const part = Math.min(1, Math.max(0, (display.numeric - (field.min ?? 0)) / ((field.max ?? 100) - (field.min ?? 0))));
    const r = Math.min(width / 2, height - 24) - 12, arc = (p) => `M${width / 2 - r} ${r + 12} A${r} ${r} 0 0 1 ${width / 2 - r * Math.cos(p * Math.PI)} ${r + 12 - r * Math.sin(p * Math.PI)}`;
    return <svg width={width} height={height}><path d={arc(1)} className="track" /><path d={arc(part)} stroke={display.color} className="arc" />
      <text x={width / 2} y={r + 8} className="big" fill={display.color}>{formattedValueToString(display)}</text><text x={width / 2} y={r + 30}>{display.title}</text></svg>;
  }} /></StandIn>;
}

function Table({ frames, width, height, panel, range, replace }) {
  const o = panel.options ?? {};
  const frame = frames[o.frameIndex ?? 0];
  if (!frame?.fields.length) return <NoData text={panel.fieldConfig.defaults.noValue} />;
  return <TableNG data={frame} width={width} height={height} noHeader={o.showHeader === false} sortBy={o.sortBy} cellHeight={o.cellHeight ?? 'sm'} timeRange={range}
    fieldConfig={panel.fieldConfig} noValue={panel.fieldConfig.defaults.noValue} frozenColumns={o.frozenColumns?.left ?? 0} getActions={() => []} replaceVariables={replace}
    enableVirtualization={false} transparent={panel.transparent} />;
}

const drawable = (frames) => frames.map((f) => ({ ...f, fields: f.fields.filter((x) => [FieldType.time, FieldType.number].includes(x.type)) })).filter((f) => f.length && f.fields.length > 1);

function Series({ frames, width, height, panel, range, timeZone }) {
  const data = drawable(frames);
  if (!data.length) return <NoData text={panel.fieldConfig.defaults.noValue} />;
  return <TimeSeries frames={data} width={width} height={height} timeRange={range} timeZone={timeZone} legend={{ ...LEGEND, ...panel.options?.legend }} options={panel.options} />;
}

function StateTimeline({ frames, width, height, range, panel }) {
  const data = drawable(frames), rows = data.flatMap((f) => f.fields.filter((x) => x.type === FieldType.number).map((field) => ({ f, field })));
  if (!rows.length) return <NoData />;
  const left = Math.min(180, width / 3), tall = (height - 36) / rows.length, span = range.to - range.from;
  const x = (t) => left + ((t - range.from.valueOf()) / span) * (width - left);
  return <StandIn><svg width={width} height={height - 16}>{rows.map(({ f, field }, row) => {
    const times = f.fields[0].values, step = f.fields[0].config.interval ?? 60000, h = tall * (panel.options?.rowHeight ?? 0.9), bits = [];
    for (let i = 0; i < times.length; i++) {
      const last = bits.at(-1), end = Math.min(times[i] + step, range.to.valueOf());
      if (last && last.value === field.values[i] && times[i] <= last.to + 1) last.to = end;
      else if (field.values[i] != null) bits.push({ value: field.values[i], from: Math.max(times[i], range.from.valueOf()), to: end });
    }
    return <g key={row}><text x={left - 6} y={row * tall + tall / 2 + 4} textAnchor="end">{getFieldDisplayName(field, f, data)}</text>
      {bits.map((b) => <rect key={b.from} x={x(b.from)} y={row * tall + (tall - h) / 2} width={Math.max(1, x(b.to) - x(b.from))} height={h} fill={field.display(b.value).color} fillOpacity={0.7} />)}</g>;
  })}<text x={left} y={height - 20}>{range.from.utc().format('MM-DD HH:mm')}</text><text x={width} y={height - 20} textAnchor="end">{range.to.utc().format('MM-DD HH:mm')}</text></svg></StandIn>;
}

function Pie(props) {
  const slices = values(props).filter((v) => v.display.numeric > 0), total = slices.reduce((s, v) => s + v.display.numeric, 0), r = Math.min(props.width / 2, props.height - 40) / 2;
  if (!total) return <NoData />;
  let at = 0;
  const point = (p) => `${r + r * Math.sin(p * 2 * Math.PI)} ${r - r * Math.cos(p * 2 * Math.PI)}`;
  return <StandIn><div className="pie"><svg width={2 * r} height={2 * r}>{slices.map((v, i) => {
    const from = at, share = Math.min(v.display.numeric / total, 0.9999);
    at += share;
    return <path key={i} fill={v.display.color} d={`M${r} ${r} L${point(from)} A${r} ${r} 0 ${share > 0.5 ? 1 : 0} 1 ${point(at)} Z`} />;
  })}</svg><VizLegend displayMode="table" placement="right" items={slices.map((v) => ({ label: v.display.title, color: v.display.color, yAxis: 1, getDisplayValues: () => [{ ...v.display, title: 'Value' }] }))} /></div></StandIn>;
}

function BarChart({ frames, panel, ...rest }) {
  return <StandIn><Bars {...rest} frames={frames} panel={{ ...panel, options: { ...panel.options, orientation: 'horizontal', displayMode: 'basic', reduceOptions: { values: true, calcs: [], fields: '' } } }} height={rest.height - 16} /></StandIn>;
}

function Text({ panel, replace }) {
  const { mode = 'markdown', content = '' } = panel.options ?? {};
  const text = replace(content);
  return <div className="markdown-html" style={{ height: '100%', overflow: 'auto' }} dangerouslySetInnerHTML={{ __html: mode === 'html' ? text : renderTextPanelMarkdown(text) }} />;
}

const types = { stat: Stat, gauge: Gauge, bargauge: Bars, table: Table, timeseries: Series, 'state-timeline': StateTimeline, piechart: Pie, barchart: BarChart, text: Text };
export const known = (type) => type in types;

export function Panel(props) {
  const Type = types[props.panel.type], theme = useTheme2();
  return <Type {...props} theme={theme} />;
}
