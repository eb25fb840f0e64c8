// What the page itself lacks: the gateway, or its records.

import { h } from '../element.js';
import { count, second } from '../format.js';

export function notices(state) {
  const text = told(state.overview.records);
  return [
    state.trouble &&
      h.p(
        { key: 'away', class: 'banner away', role: 'alert' },
        h.strong(sentence(state.trouble)),
        ` What is shown is from ${second(state.overview.at)}.`,
      ),
    text && h.p({ key: 'records', class: 'banner' }, text),
  ];
}

function told({ state, reason, dropped }) {
  if (state === 'off') {
    return [
      h.strong('Records are off. '),
      'What the providers are doing now is shown below; what they did before is known only with records. Set ',
      h.code('ELIZANET_DB'),
      ' to ',
      h.code('sqlite:///elizanet.db'),
      ' and start the gateway again.',
    ];
  }
  if (state === 'failing') {
    return [h.strong('The records cannot be used. '), `Calls are answered all the same. ${sentence(reason)}`];
  }
  if (state === 'empty') {
    return [
      h.strong('No calls yet. '),
      'Point a client of OpenAI’s API at ',
      h.code(`${location.origin}/v1`),
      '; what it asks will show up here.',
    ];
  }
  return (
    dropped > 0 &&
    `${count(dropped)} events could not be recorded since the gateway started: sums are too low.`
  );
}

function sentence(text) {
  const clean = text.charAt(0).toUpperCase() + text.slice(1);
  return clean.endsWith('.') ? clean : `${clean}.`;
}
