// The page: asks, draws, and asks again.

import { actionsWith } from './actions.js';
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
import { readCall, readCalls, readOverview } from './reading.js';
import { state } from './state.js';

const EVERY_MS = 3_000;
const CLOCK_MS = 1_000;

const element = (id) => document.getElementById(id);

const polling = new Polling(async () => {
  try {
    await Promise.all([readOverview(), readCalls()]);
  } finally {
    draw();
  }
}, EVERY_MS);

const actions = actionsWith(draw, () => polling.now());

let isDue = false;

/** Draw the state once, however often that is asked for before the next frame. */
function draw() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    drawNow();
  });
}

function drawNow() {
  render(element('bar'), bar(state, actions));
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
polling.now();
if (state.call) readCall().then(draw);
setInterval(() => document.hidden || draw(), CLOCK_MS);
