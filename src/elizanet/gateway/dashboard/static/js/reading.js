// Brings what the gateway says into the state.

import { ask } from './asking.js';
import { areCallsHeld, state } from './state.js';

export async function readOverview() {
  const { range } = state;
  try {
    const overview = await ask('overview', { range });
    if (range === state.range) Object.assign(state, { overview, heard: Date.now(), trouble: null });
  } catch (problem) {
    state.trouble = problem.message;
    throw problem;
  }
}

/** Read the newest calls, unless somebody is reading those that are there. */
export async function readCalls() {
  if (state.calls.older || areCallsHeld()) return;
  const query = callsQuery();
  try {
    const page = await ask('calls', query);
    if (JSON.stringify(query) !== JSON.stringify(callsQuery()) || areCallsHeld()) return;
    Object.assign(state.calls, { rows: page.calls, more: page.more, trouble: null });
  } catch (problem) {
    state.calls.trouble = problem.message;
  }
}

export async function readOlderCalls() {
  const { calls } = state;
  const { rows } = calls;
  calls.older = true;
  try {
    const page = await ask('calls', callsQuery({ before: rows.at(-1).id }));
    if (calls.rows === rows) Object.assign(calls, { rows: [...rows, ...page.calls], more: page.more });
  } catch (problem) {
    calls.trouble = problem.message;
  }
}

export async function readCall() {
  const { call } = state;
  try {
    call.record = await ask(`calls/${encodeURIComponent(call.id)}`);
  } catch (problem) {
    call.trouble = problem.message;
  }
}

function callsQuery(more = {}) {
  const { which, filter } = state.calls;
  return { range: state.range, which, ...filter, ...more };
}
