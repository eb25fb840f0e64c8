// Whose calls had trouble: models and callers, the most affected first.

import { h } from '../element.js';
import { compact, count, duration, share } from '../format.js';
import { ANONYMOUS, OTHER } from '../words.js';

export function affected(state, actions) {
  const { history } = state.overview;
  if (!history?.totals.calls) return null;
  const callers = history.callers.filter(({ key }) => key[0] && key[0] !== ANONYMOUS);
  return h.div(
    { key: 'affected', class: 'charts' },
    group('Models', 'model', history.models, actions),
    callers.length > 0 && group('Callers', 'caller', callers, actions),
  );
}

function group(title, dimension, rows, actions) {
  const id = `by-${dimension}`;
  return h.section(
    { key: id, class: 'panel', 'aria-labelledby': id },
    h.header(h.h2({ id }, title)),
    h.div(
      { class: 'scroll', tabindex: 0, role: 'group', 'aria-labelledby': id },
      h.table(
        { class: 'sums' },
        h.thead(
          h.tr(
            h.th({ scope: 'col' }, dimension === 'model' ? 'Model' : 'Caller'),
            ['Calls', 'No answer', 'Fallbacks', 'p95'].map((name) =>
              h.th({ key: name, scope: 'col', class: 'number' }, name),
            ),
          ),
        ),
        h.tbody(rows.map((row) => line(row, dimension, actions))),
      ),
    ),
  );
}

function line(row, dimension, actions) {
  const [name] = row.key;
  const lost = row.failed + row.broken;
  const show = () => {
    actions.list('troubled', { [dimension]: name });
    document.getElementById('calls-title').scrollIntoView();
  };
  return h.tr(
    { key: name },
    h.th(
      { scope: 'row' },
      (lost || row.fallbacks) && name !== OTHER
        ? h.button({ class: 'link', title: `Show the troubled calls of ${name}`, onclick: show }, name)
        : [name, name === OTHER && h.small('names too many to be kept apart')],
    ),
    h.td({ class: 'number' }, compact(row.calls)),
    h.td({ class: lost ? 'number bad' : 'number none' }, part(lost, row.calls)),
    h.td({ class: row.fallbacks ? 'number warn' : 'number none' }, part(row.fallbacks, row.calls)),
    h.td({ class: 'number' }, duration(row.seconds_p95)),
  );
}

const part = (some, all) => (some ? [count(some), h.small(share(some, all))] : '0');
