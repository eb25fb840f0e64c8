// Holding a provider or a target: in use, out of use, or as the evidence says.

import { h } from '../element.js';

const CHOICES = [
  { to: 'auto', label: 'Automatic', held: null },
  { to: 'open', label: 'Drain', held: 'open' },
  { to: 'closed', label: 'Keep in use', held: 'closed' },
];

export function holdButtons(target, held, actions) {
  const button = ({ to, label, held: means }) =>
    h.button(
      {
        key: to,
        'aria-pressed': String((held ?? null) === means),
        onclick: () => (held ?? null) !== means && actions.askHold({ target, to }),
      },
      label,
    );
  return h.div({ class: 'hold', role: 'group', 'aria-label': `How ${target} is used` }, CHOICES.map(button));
}
