// Asks again and again: not while nobody looks, and less often while there is no answer.

const LONGEST_MS = 30_000;

export class Polling {
  #work;
  #every;
  #timer = null;
  #failures = 0;
  #turn = 0;

  /** `work` is awaited, then again after `every` milliseconds; it throws if there is no answer. */
  constructor(work, every) {
    this.#work = work;
    this.#every = every;
    document.addEventListener('visibilitychange', () => this.#look());
  }

  /** Ask now, whatever is due. */
  async now() {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    try {
      await this.#work();
      this.#failures = 0;
    } catch {
      this.#failures += 1;
    }
    if (turn === this.#turn) this.#again();
  }

  #again() {
    if (document.hidden) return;
    const wait = Math.min(LONGEST_MS, this.#every * 2 ** Math.min(this.#failures, 4));
    this.#timer = setTimeout(() => this.now(), wait);
  }

  #look() {
    clearTimeout(this.#timer);
    if (!document.hidden) this.now();
  }
}
