// The bar at the top: whose page it is, which stretch of time it shows, how fresh it is.

import { h } from '../element.js';
import { count } from '../format.js';
import { RANGES } from '../words.js';

const STALE_S = 15;

export function bar(state, actions) {
  const process = state.overview?.process;
  return [
    h.a(
      { class: 'brand', href: '/dashboard' },
      h.img({ src: '/dashboard/static/icon.svg', alt: '', width: 20, height: 20 }),
      'elizanet',
    ),
    process && h.p({ class: 'process' }, told(process)),
    h.span({ class: 'spring' }),
    h.p(
      { class: freshness(state).class },
      h.span({ class: 'pulse', 'aria-hidden': 'true' }),
      freshness(state).text,
    ),
    ranges(state, actions),
    process?.has_keys &&
      h.form({ method: 'post', action: '/dashboard/sign-out', class: 'leave' }, h.button('Sign out')),
  ];
}

function told(process) {
  const under = `${count(process.in_flight)} ${process.in_flight === 1 ? 'call' : 'calls'} under way`;
  return process.status === 'ready' ? under : `shutting down, ${under}`;
}

function freshness(state) {
  if (!state.heard)
    return { class: 'fresh waiting', text: state.trouble ? `No data: ${state.trouble}` : 'Asking …' };
  const age = Math.max(0, Math.round((Date.now() - state.heard) / 1000));
  if (state.trouble || age > STALE_S) return { class: 'fresh stale', text: `Last update ${age} s ago` };
  return { class: 'fresh', text: age < 5 ? 'Live' : `${age} s ago` };
}

function ranges(state, actions) {
  const choice = ([name, label]) =>
    h.label(
      { key: name },
      h.input({
        type: 'radio',
        name: 'range',
        value: name,
        checked: name === state.range,
        onchange: () => actions.choose(name),
      }),
      h.span(label),
    );
  return h.fieldset(
    { class: 'choice' },
    h.legend({ class: 'unseen' }, 'Time shown'),
    ...Object.entries(RANGES).map(choice),
  );
}
