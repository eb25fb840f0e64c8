// What all charts share: a title, a legend, axes, a readout under the pointer, and a table.
//
// A drawing has a width of one for each step and a height of one for the scale, and is stretched
// over the plot; words stand beside it in HTML, where they keep their size.

import { h } from '../element.js';
import { time } from '../format.js';
import { ticksOf } from './ticks.js';

/**
 * `series` have `name`, `colour` and `values`; `draw` makes the shapes inside the plot, for values
 * divided by the top of the scale. `say` writes a value. `total` names a sum of all series.
 */
export function frame(
  { id, title, history, series, top, say, draw, total, empty, controls },
  state,
  actions,
) {
  const asTable = state.tables.has(id);
  const shown = series.filter(({ values }) => values.some((value) => value));
  const content = () =>
    asTable
      ? table(title, history, shown, say)
      : plot(id, history, shown, top, say, draw, total, state, actions);
  return h.figure(
    { key: id, class: 'chart panel', 'aria-labelledby': `${id}-title` },
    h.header(
      h.h2({ id: `${id}-title` }, title),
      controls,
      shown.length > 0 &&
        h.button(
          {
            class: 'quiet',
            'aria-pressed': String(asTable),
            'aria-label': `${title} as a table`,
            onclick: () => actions.toggle('tables', id),
          },
          'Table',
        ),
    ),
    shown.length ? [content(), !asTable && legend(shown)] : h.p({ class: 'empty' }, empty),
  );
}

function plot(id, history, series, top, say, draw, total, state, actions) {
  const steps = history.at.length;
  const here = state.hover?.chart === id ? state.hover.step : null;
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const step = Math.floor(((event.clientX - box.left) / box.width) * steps);
    if (step >= 0 && step < steps && step !== here) actions.hover({ chart: id, step });
  };
  return h.div(
    { key: 'plot', class: 'plot' },
    h.div(
      { class: 'scale', 'aria-hidden': 'true' },
      [top, top / 2, 0].map((value) => h.span({ key: value }, say(value))),
    ),
    h.div(
      { class: 'area', onpointermove: move, onpointerdown: move, onpointerleave: () => actions.hover(null) },
      h.svg(
        {
          viewBox: `0 0 ${steps} 1`,
          preserveAspectRatio: 'none',
          role: 'img',
          'aria-label': summary(series, say),
        },
        [0, 0.5, 1].map((y) => h.line({ key: y, class: 'grid', x1: 0, x2: steps, y1: y, y2: y })),
        here !== null && h.rect({ key: 'here', class: 'here', x: here, y: 0, width: 1, height: 1 }),
        h.g({ key: 'shapes' }, draw(series, top)),
      ),
      here !== null && readout(history, series, here, say, total),
    ),
    h.div(
      { class: 'times', 'aria-hidden': 'true' },
      ticksOf(history).map(({ step, text }) =>
        h.span({ key: step, style: { left: `${(step / steps) * 100}%` } }, text),
      ),
    ),
  );
}

function readout(history, series, step, say, total) {
  const side =
    step > history.at.length / 2
      ? { right: `${100 - (step / history.at.length) * 100 + 1}%`, left: 'auto' }
      : { left: `${((step + 1) / history.at.length) * 100 + 1}%`, right: 'auto' };
  const from = history.at[step];
  const sum = series.reduce((so, { values }) => so + (values[step] ?? 0), 0);
  return h.div(
    { key: 'readout', class: 'readout', style: side, 'aria-hidden': 'true' },
    h.strong(`${time(from)} – ${time(from + history.step)}`),
    h.dl(
      [...series]
        .reverse()
        .filter(({ values }) => values[step] !== 0)
        .map(({ name, colour, values }) =>
          h.div(
            { key: name },
            h.dt(h.i({ class: colour }), name),
            h.dd(values[step] === null ? '–' : say(values[step])),
          ),
        ),
    ),
    total && h.p(h.span(total), h.b(say(sum))),
  );
}

function legend(series) {
  return h.ul(
    { key: 'legend', class: 'legend' },
    series.map(({ name, colour }) => h.li({ key: name }, h.i({ class: colour }), name)),
  );
}

/** What a chart says in a sentence, for those who do not see it. */
function summary(series, say) {
  const told = series.map(({ name, values }) => {
    const known = values.filter((value) => value !== null);
    return `${name}: ${say(Math.min(...known))} to ${say(Math.max(...known))}, last ${say(known.at(-1))}`;
  });
  return `${told.join('; ')}. The table has all values.`;
}

function table(title, history, series, say) {
  return h.div(
    { key: 'table', class: 'scroll values', tabindex: 0, role: 'group', 'aria-label': `${title}, values` },
    h.table(
      h.thead(
        h.tr(
          h.th({ scope: 'col' }, 'From'),
          series.map(({ name }) => h.th({ key: name, scope: 'col', class: 'number' }, name)),
        ),
      ),
      h.tbody(
        history.at
          .map((at, step) =>
            h.tr(
              { key: at },
              h.th({ scope: 'row' }, time(at)),
              series.map(({ name, values }) =>
                h.td({ key: name, class: 'number' }, values[step] === null ? '–' : say(values[step])),
              ),
            ),
          )
          .reverse(),
      ),
    ),
  );
}
