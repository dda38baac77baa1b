// One component for each panel type that the dashboards use.
import { FieldColorModeId, FieldType, VizOrientation, getDisplayValueAlignmentFactors, getFieldDisplayValues, renderTextPanelMarkdown } from '@grafana/data';
import { BarGauge, BigValue, TimeSeries, VizRepeater, useTheme2 } from '@grafana/ui';
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
  stat: THRESHOLDS, bargauge: THRESHOLDS, text: {},
};

const NoData = ({ text = 'No data' }) => <div className="nodata">{text}</div>;

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

function Text({ panel, replace }) {
  const { mode = 'markdown', content = '' } = panel.options ?? {};
  const text = replace(content);
  return <div className="markdown-html" style={{ height: '100%', overflow: 'auto' }} dangerouslySetInnerHTML={{ __html: mode === 'html' ? text : renderTextPanelMarkdown(text) }} />;
}

const types = { stat: Stat, bargauge: Bars, table: Table, timeseries: Series, text: Text };
export const known = (type) => type in types;

export function Panel(props) {
  const Type = types[props.panel.type], theme = useTheme2();
  return <Type {...props} theme={theme} />;
}
