// The last calls, those in which something failed first of all.

import { h } from '../element.js';
import { duration, second } from '../format.js';
import { areCallsHeld } from '../state.js';
import { ANONYMOUS, LAST, OUTCOMES, words } from '../words.js';

const CHOICES = {
  troubled: 'Troubled',
  failed: 'No answer',
  broken: 'Broke off',
  fallbacks: 'Fallbacks',
  all: 'All',
};

const EMPTY = {
  troubled: 'No call failed, broke off or fell back',
  failed: 'Every call was answered',
  broken: 'No stream broke off',
  fallbacks: 'Every call was answered by its first choice',
  all: 'No calls',
};

const callerOf = ({ caller }) => (caller && caller !== ANONYMOUS ? caller : '–');

export function calls(state, actions) {
  if (state.overview.records.state === 'off') return null;
  return h.section(
    { key: 'calls', class: 'panel', 'aria-labelledby': 'calls-title' },
    h.header(
      h.h2({ id: 'calls-title' }, 'Calls'),
      areCallsHeld() &&
        h.p({ key: 'held', class: 'note' }, 'standing still while one of them has the focus'),
      filters(state.calls, actions),
      choices(state.calls, actions),
    ),
    body(state, actions),
  );
}

function choices({ which, filter }, actions) {
  return h.fieldset(
    { class: 'choice' },
    h.legend({ class: 'unseen' }, 'Which calls'),
    Object.entries(CHOICES).map(([name, label]) =>
      h.label(
        { key: name },
        h.input({
          type: 'radio',
          name: 'which',
          value: name,
          checked: name === which,
          onchange: () => actions.list(name, filter),
        }),
        h.span(label),
      ),
    ),
  );
}

function filters({ which, filter }, actions) {
  return Object.entries(filter).map(([kind, name]) =>
    h.button(
      {
        key: kind,
        class: 'filter',
        'aria-label': `Show all ${kind}s, not only ${name}`,
        onclick: () => actions.list(which, {}),
      },
      `${kind} ${name}`,
      h.span({ 'aria-hidden': 'true' }, '×'),
    ),
  );
}

function body(state, actions) {
  const { rows, more, trouble, which } = state.calls;
  if (trouble) return h.p({ key: 'trouble', class: 'empty' }, `The calls cannot be shown: ${trouble}.`);
  if (!rows) return h.p({ key: 'asking', class: 'empty' }, 'Asking …');
  if (!rows.length) return h.p({ key: 'none', class: 'empty' }, `${EMPTY[which]} in ${LAST[state.range]}.`);
  return [
    h.div(
      { key: 'rows', class: 'scroll' },
      h.table(
        { class: 'calls' },
        h.thead(
          h.tr(
            ['Time', 'Model', 'Caller', 'Who was asked', 'Outcome', 'Took'].map((title) =>
              h.th({ key: title, scope: 'col', class: title === 'Took' ? 'number' : null }, title),
            ),
          ),
        ),
        h.tbody(rows.map((row) => line(row, actions))),
      ),
    ),
    more && h.button({ key: 'older', class: 'more', onclick: actions.listOlder }, 'Older calls'),
  ];
}

function line(row, actions) {
  const open = () => actions.open(row.id);
  return h.tr(
    { key: row.id, onclick: open },
    h.td(
      { class: 'when' },
      h.button(
        {
          class: 'link',
          'aria-label': `Call of ${second(row.at)}, ${row.model}: ${OUTCOMES[row.outcome].label}`,
          onclick: (event) => {
            event.stopPropagation();
            open();
          },
        },
        second(row.at),
      ),
    ),
    h.td({ class: 'model' }, row.model),
    h.td({ class: 'caller' }, callerOf(row)),
    h.td({ class: 'asked' }, asked(row)),
    h.td({ class: 'outcome' }, outcome(row)),
    h.td({ class: 'number took' }, duration(row.seconds)),
  );
}

/** The targets in the order in which they were asked; the one that answered stands out. */
function asked({ asked: names, passed_over: passed, by }) {
  const last = names.lastIndexOf(by);
  const told = [
    ...passed.map((name) => h.s({ title: `${name} was passed over` }, providerOf(name))),
    ...names.map((name, place) =>
      h.span({ class: place === last ? 'did' : 'not', title: name }, providerOf(name)),
    ),
  ];
  if (!told.length) return h.span({ class: 'note' }, 'nobody');
  return told.flatMap((who, place) =>
    place ? [h.span({ class: 'to', 'aria-hidden': 'true' }, '→'), who] : [who],
  );
}

const providerOf = (target) => target.split('/')[0];

function outcome(row) {
  const { label, tone } = OUTCOMES[row.outcome];
  if (row.outcome === 'answered' && row.fallback_reason)
    return [h.span({ class: 'pill warn' }, 'Fallback'), h.small(words(row.fallback_reason))];
  return [h.span({ class: `pill ${tone}` }, label), row.failure_class && h.small(words(row.failure_class))];
}
