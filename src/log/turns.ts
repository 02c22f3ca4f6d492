/** One thing after the other: what changes a log takes turns, in the order in which it was asked for. */

/** A queue of work. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `work` when all that was asked for before has ended, well or badly. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work)
    this.#last = turn.catch(() => {})
    return turn
  }
}
