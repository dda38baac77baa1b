/** What of each panel is out of sight: parts to scroll to, texts that do not fit, legends that end within a line. Runs in the page. */
export function faultsInPage() {
  const faults = [];
  for (const cell of document.querySelectorAll('[data-panel]')) {
    const say = (what) => faults.push(`"${cell.dataset.title}": ${what}`);
    for (const e of cell.querySelectorAll('*')) {
      const { overflowX: x, overflowY: y } = getComputedStyle(e), right = e.scrollWidth - e.clientWidth, below = e.scrollHeight - e.clientHeight;
      if (e.clientWidth < 3 || (right < 2 && below < 2)) continue;
      const scrolls = (way) => /auto|scroll/.test(way);
      if ((right > 1 && scrolls(x)) || (below > 1 && scrolls(y))) say(`to scroll: ${right} px to the right, ${below} px below`);
      else if (right > 1 && x !== 'visible' && !e.children.length && e.textContent) say(`cut off: ${e.textContent}`);
    }
    const { bottom, right } = cell.getBoundingClientRect();
    for (const item of cell.querySelectorAll('[data-testid*="VizLegend"], [aria-label*="VizLegend"], [data-testid="data-testid panel content"] li')) {
      const box = item.getBoundingClientRect();
      if (box.bottom > bottom + 1 || box.right > right + 1) say(`legend out of sight: ${item.textContent}`);
    }
  }
  return faults;
}
