// What a person can do. Each action changes the state, and draws it.

import { tell } from './asking.js';
import { readCall, readCalls, readOlderCalls } from './reading.js';
import { note, state } from './state.js';

/** `draw` shows the state, `refresh` asks for everything anew. */
export const actionsWith = (draw, refresh) => ({
  choose(range) {
    state.range = range;
    Object.assign(state.calls, { rows: null, older: false });
    note();
    draw();
    refresh();
  },

  async list(which, filter = {}) {
    Object.assign(state.calls, { which, filter, rows: null, older: false });
    draw();
    await readCalls();
    draw();
  },

  async listOlder() {
    await readOlderCalls();
    draw();
  },

  async open(id) {
    state.call = { id, record: null, trouble: null };
    note();
    draw();
    await readCall();
    draw();
  },

  closeCall() {
    state.call = null;
    note();
    draw();
  },

  toggle(set, name) {
    const chosen = state[set];
    if (!chosen.delete(name)) chosen.add(name);
    draw();
  },

  hover(where) {
    state.hover = where;
    draw();
  },

  askHold(hold) {
    state.hold = { ...hold, trouble: null };
    draw();
  },

  async hold() {
    const { target, to } = state.hold;
    try {
      await tell('breakers', { target, state: to });
      state.hold = null;
      await refresh();
    } catch (problem) {
      state.hold.trouble = problem.message;
    }
    draw();
  },

  leaveHold() {
    state.hold = null;
    draw();
  },
});
