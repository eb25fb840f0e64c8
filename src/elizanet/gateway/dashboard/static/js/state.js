// What the page knows. Everything it shows is drawn from this, and nothing else is kept.

import { RANGES } from './words.js';

const asked = new URLSearchParams(location.hash.slice(1));

export const state = {
  range: asked.get('range') in RANGES ? asked.get('range') : '1h',
  overview: null,
  heard: null, // when the overview came, by this machine's clock
  trouble: null, // why the last question was not answered
  calls: { which: 'troubled', filter: {}, rows: null, more: false, older: false, trouble: null },
  call: asked.get('call') ? { id: asked.get('call'), record: null, trouble: null } : null,
  hold: null, // what is to be confirmed
  expanded: new Set(), // providers whose targets are shown
  tables: new Set(), // charts that are shown as tables
  alternatives: new Set(), // charts that show the other of two things
  hover: null, // where the pointer is in which chart
};

/** Whether the list of calls stands still, for one of its rows has the focus or has been opened. */
export const areCallsHeld = () =>
  Boolean(state.calls.rows?.length && (state.call || document.activeElement?.closest('.calls tbody')));

/** Keep in the address what a colleague who opens it should see. */
export function note() {
  const kept = new URLSearchParams({ range: state.range, ...(state.call && { call: state.call.id }) });
  history.replaceState(null, '', `#${kept}`);
}
