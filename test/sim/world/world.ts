/**
 * The world of a simulation: one time, one queue of events, one seed, and a trace of what happened. Nothing in it knows the real time.
 * What is computed in promises (the engine) is given the time to settle after each event, so the order of things is the queue's alone.
 */
import { createHash } from 'node:crypto'
import { type Chance, chanceOf } from './random.ts'

/** Whether a process lives; what it left in the queue dies with it. */
export interface Life {
  alive: boolean
}

/** A rule that was broken. */
export interface Violation {
  readonly rule: string
  readonly text: string
}

/** Lines of the trace that are kept. */
export const TRACE_LINES = 200

interface Event {
  readonly atMs: number
  readonly order: number
  readonly life: Life | undefined
  readonly work: () => void
}

/** Time, chance and events. */
export class World {
  readonly chance: Chance
  /** How often what happened, by name. */
  readonly counts: Map<string, number> = new Map()
  readonly trace: string[] = []
  violation: Violation | undefined
  events = 0
  #nowMs = 0
  #order = 0
  readonly #heap: Event[] = []
  readonly #digest = createHash('sha256')

  constructor(seed: string) {
    this.chance = chanceOf(seed)
  }

  /** Milliseconds since the world began. */
  nowMs(): number {
    return this.#nowMs
  }

  /** Does something later, if `life` is alive by then. */
  after(delayMs: number, work: () => void, life?: Life): void {
    push(this.#heap, { atMs: this.#nowMs + Math.max(0, Math.round(delayMs)), order: this.#order++, life, work })
  }

  /** Writes down what happened. */
  note(text: string): void {
    const line = `${(this.#nowMs / 1000).toFixed(3)} ${text}`
    this.#digest.update(line)
    this.trace.push(line)
    if (this.trace.length > 2 * TRACE_LINES) this.trace.splice(0, TRACE_LINES)
  }

  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  /** A rule is broken: the first one counts, and ends the run. */
  fail(rule: string, text: string): void {
    if (this.violation !== undefined) return
    this.violation = { rule, text }
    this.note(`BROKEN ${rule}: ${text}`)
  }

  /** Lets everything happen until then, or until a rule is broken. */
  async run(untilMs: number): Promise<void> {
    while (this.violation === undefined) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) break
      pop(this.#heap)
      this.#nowMs = next.atMs
      if (next.life?.alive === false) continue
      this.events += 1
      next.work()
      await new Promise((settled) => setImmediate(settled))
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  /** A hash of all that was noted: the same seed gives the same. */
  digest(): string {
    return this.#digest.copy().digest('hex')
  }
}

function isBefore(a: Event | undefined, b: Event | undefined): boolean {
  if (a === undefined || b === undefined) return a !== undefined
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isBefore(event, heap[parent])) break
    heap[at] = heap[parent] as Event
    at = parent
  }
  heap[at] = event
}

function pop(heap: Event[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    const left = 2 * at + 1
    const child = isBefore(heap[left + 1], heap[left]) ? left + 1 : left
    if (!isBefore(heap[child], last)) break
    heap[at] = heap[child] as Event
    at = child
  }
  heap[at] = last
}
