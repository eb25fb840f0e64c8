// The page: what it knows is `state`, what it shows is drawn from that, and nothing else is kept.

import { ask, tell } from './asking.js';
import { render } from './element.js';
import { affected } from './parts/affected.js';
import { bar } from './parts/bar.js';
import { callDialog } from './parts/call_dialog.js';
import { calls } from './parts/calls.js';
import { charts } from './parts/charts.js';
import { confirmation } from './parts/confirmation.js';
import { figures } from './parts/figures.js';
import { headline } from './parts/headline.js';
import { notices } from './parts/notices.js';
import { providers } from './parts/providers.js';
import { Polling } from './polling.js';
import { RANGES } from './words.js';

const EVERY_MS = 3_000;

const element = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.hash.slice(1));

const state = {
  range: asked.get('range') in RANGES ? asked.get('range') : '1h',
  overview: null,
  trouble: null, // why the last question was not answered
  calls: { which: 'troubled', filter: {}, rows: null, more: false, older: false, trouble: null },
  call: asked.get('call') ? { id: asked.get('call'), record: null, trouble: null } : null,
  hold: null, // what is to be confirmed
  expanded: new Set(), // providers whose targets are shown
  tables: new Set(), // charts that are shown as tables
  alternatives: new Set(), // charts that show the other of two things
  hover: null, // where the pointer is in which chart
};

const actions = {
  choose(range) {
    state.range = range;
    note();
    draw();
    refresh();
  },

  list(which, filter = {}) {
    Object.assign(state.calls, { which, filter, rows: null, older: false });
    draw();
    return listCalls().then(draw, draw);
  },

  async listOlder() {
    const last = state.calls.rows.at(-1);
    state.calls.older = true;
    const page = await ask('calls', callsQuery({ before: last.id }));
    Object.assign(state.calls, { rows: [...state.calls.rows, ...page.calls], more: page.more });
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
};

function callsQuery(more = {}) {
  const { which, filter } = state.calls;
  return { range: state.range, which, ...filter, ...more };
}

async function readOverview() {
  const { range } = state;
  try {
    const overview = await ask('overview', { range });
    if (range !== state.range) return;
    Object.assign(state, { overview, heard: Date.now(), trouble: null });
  } catch (problem) {
    state.trouble = problem.message;
    throw problem;
  }
}

/** Read the newest calls, unless somebody reads older ones. */
async function listCalls() {
  if (state.calls.older) return;
  const query = callsQuery();
  try {
    const page = await ask('calls', query);
    if (JSON.stringify(query) !== JSON.stringify(callsQuery())) return;
    Object.assign(state.calls, { rows: page.calls, more: page.more, trouble: null });
  } catch (problem) {
    state.calls.trouble = problem.message;
  }
}

async function readCall() {
  const { call } = state;
  try {
    call.record = await ask(`calls/${encodeURIComponent(call.id)}`);
  } catch (problem) {
    call.trouble = problem.message;
  }
}

const polling = new Polling(async () => {
  try {
    await Promise.all([readOverview(), listCalls()]);
  } finally {
    draw();
  }
}, EVERY_MS);

const refresh = () => polling.now();

/** Keep in the address what a colleague who opens it should see. */
function note() {
  const kept = new URLSearchParams({ range: state.range, ...(state.call && { call: state.call.id }) });
  history.replaceState(null, '', `#${kept}`);
}

let drawing = false;

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    render(element('bar'), ...bar(state, actions));
    if (state.overview) {
      render(
        element('main'),
        notices(state),
        headline(state),
        figures(state),
        providers(state, actions),
        charts(state, actions),
        affected(state, actions),
        calls(state, actions),
      );
    }
    show(element('call'), state.call && callDialog(state, actions), actions.closeCall);
    show(element('confirm'), state.hold && confirmation(state, actions), actions.leaveHold);
  });
}

/** Open or close a dialog; its content stays while it closes. */
function show(dialog, content, close) {
  if (content) {
    dialog.onclose = close;
    dialog.onclick = (event) => event.target === dialog && dialog.close();
    render(dialog, content);
    if (!dialog.open) dialog.showModal();
  } else if (dialog.open) {
    dialog.onclose = null;
    dialog.close();
  }
}

draw();
refresh();
if (state.call) readCall().then(draw);
setInterval(() => document.hidden || draw(), 1_000);
