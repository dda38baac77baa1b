// Draws dashboards in headless Chromium, served on loopback with a Prometheus behind them, and looks for what is wrong.
//   node draw.mjs --prometheus URL --out FOLDER [--boards overview,health] [--themes dark,light] [--widths 1280,1600,1920]
//     [--height PX] [--var name=value]...
// Exit code 1: a panel failed, was empty without a reason in may-be-empty.json, or shows something cut off.
import { createReadStream, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { basename, extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { faultsInPage } from './faults.mjs';

const here = (path) => new URL(path, import.meta.url).pathname;
const text = (value) => ({ type: 'string', default: value });
const { values: o } = parseArgs({ options: { prometheus: text('http://127.0.0.1:9090'), out: text('out'), boards: text(''), themes: text('dark,light'),
  widths: text('1280,1600,1920'), height: text(''), var: { type: 'string', multiple: true, default: [] }, chromium: text('/usr/bin/chromium') } });
const kinds = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.json': 'application/json' };
const reasons = JSON.parse(readFileSync(here('may-be-empty.json')));
// Titles in the list have the variable where a drawn one has its value.
const mayBeEmpty = (board, title) => Object.keys(reasons[board] ?? {}).some((known) => known === title || known.replace('$currency', '') === title.replace(/[A-Z]{3}$/, ''));
// What the exporter does itself has no past: of the demo there are minutes.
const since = { health: 'now-5m' };
const folder = here('../dashboards/');
const boards = o.boards ? o.boards.split(',') : readdirSync(folder).map((file) => basename(file, '.json'));

/** The bundle, one dashboard, and Prometheus' API. */
function serve(asked, answer) {
  const path = decodeURIComponent(new URL(asked.url, 'http://x').pathname);
  if (path.startsWith('/api/v1/')) {
    const on = request(o.prometheus + asked.url, { method: asked.method }, (r) => { answer.writeHead(r.statusCode, r.headers); r.pipe(answer); });
    on.on('error', (e) => answer.writeHead(502).end(JSON.stringify({ status: 'error', error: e.message })));
    return on.end();
  }
  const file = path.startsWith('/dashboards/') ? join(folder, normalize(path.slice(11))) : join(here('dist'), normalize(path === '/' ? '/index.html' : path));
  if (!existsSync(file)) return answer.writeHead(404).end();
  answer.writeHead(200, { 'content-type': kinds[extname(file)] ?? 'application/octet-stream' });
  createReadStream(file).pipe(answer);
}

const server = createServer(serve);
await new Promise((done) => server.listen(0, '127.0.0.1', done));
mkdirSync(o.out, { recursive: true });
const browser = await chromium.launch({ executablePath: o.chromium, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--font-render-hinting=none'] });

/** One picture, and what is wrong in it. */
async function draw(board, theme, width) {
  const faults = [];
  const page = await browser.newPage({ viewport: { width, height: 300 }, timezoneId: 'UTC', locale: 'en-US' });
  page.setDefaultTimeout(300_000); // longer than anything takes on a busy machine
  page.on('pageerror', (e) => faults.push(e.message));
  page.on('response', (r) => r.status() >= 400 && faults.push(`${r.status()} ${r.url()}`));
  const query = new URLSearchParams({ board, theme, ...(since[board] && { from: since[board] }) });
  for (const v of o.var) query.append(`var-${v.split('=')[0]}`, v.slice(v.indexOf('=') + 1));
  await page.goto(`http://127.0.0.1:${server.address().port}/?${query}`);
  await page.waitForFunction('window.report');
  await page.setViewportSize({ width, height: await page.evaluate('document.documentElement.scrollHeight') }); // tables draw only what is in sight
  await page.waitForTimeout(700);
  const { panels, errors } = await page.evaluate('window.report');
  faults.push(...errors, ...await page.evaluate(faultsInPage));
  for (const { title, type, error, values } of panels) {
    if (error) faults.push(`"${title}": ${error}`);
    else if (!['row', 'text'].includes(type) && !values && !mayBeEmpty(board, title)) faults.push(`"${title}": nothing to show`);
  }
  const clip = o.height && { clip: { x: 0, y: 0, width, height: Math.min(+o.height, page.viewportSize().height) } };
  await page.screenshot({ path: join(o.out, `${board}-${theme}-${width}.png`), ...(clip || { fullPage: true }) });
  await page.close();
  return { faults, panels };
}

const found = {};
let drawn = 0;
for (const board of boards) for (const width of o.widths.split(',').map(Number)) for (const theme of o.themes.split(',')) {
  const { faults, panels } = await draw(board, theme, width);
  drawn += panels.length;
  for (const fault of faults) (found[`${board}: ${fault}`] ??= []).push(`${theme} ${width}`);
}
await browser.close();
server.close();
for (const [fault, where] of Object.entries(found)) console.log(`${fault} (${where.join(', ')})`);
console.log(`${drawn} panels drawn, ${Object.keys(found).length} faults`);
writeFileSync(join(o.out, 'faults.json'), JSON.stringify(found, null, 1));
process.exitCode = Object.keys(found).length ? 1 : 0;
