// Asks before an operator's decision takes effect, and says what it does.

import { h } from '../element.js';

const EFFECTS = {
  open: {
    title: (target) => `Drain ${target}?`,
    text: 'New calls go to the other targets of their chains; those under way end. It stays so until somebody ends it, or the gateway is started again.',
    button: 'Drain',
    tone: 'danger',
  },
  closed: {
    title: (target) => `Keep ${target} in use?`,
    text: 'Calls go to it however often it fails, and fall back one by one. It stays so until somebody ends it, or the gateway is started again.',
    button: 'Keep in use',
    tone: 'danger',
  },
  auto: {
    title: (target) => `Leave ${target} to the evidence?`,
    text: 'It is used while it answers, and left alone while it does not.',
    button: 'Automatic',
    tone: 'primary',
  },
};

export function confirmation(state, actions) {
  const { target, to, trouble } = state.hold;
  const effect = EFFECTS[to];
  return h.div(
    { key: `${target} ${to}`, class: 'body' },
    h.h2({ id: 'confirm-title' }, effect.title(target)),
    h.p(effect.text),
    trouble && h.p({ class: 'wrong', role: 'alert' }, `It was not done: ${trouble}`),
    h.div(
      { class: 'buttons' },
      h.button({ onclick: actions.leaveHold, autofocus: true }, 'Cancel'),
      h.button({ class: effect.tone, onclick: actions.hold }, effect.button),
    ),
  );
}
