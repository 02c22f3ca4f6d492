/**
 * What happens without a transaction: at a height, or when a deadline has passed, which needs its time and its height. Deadlines wait in
 * a binary heap by time, kept in the state item by item, so that a block costs what is due in it and not what is open.
 */
import { assert } from '../../base/errors.ts'
import type { Draft } from './draft.ts'
import type { Deadline } from './records.ts'

/** What is due: `request/<name>` or `change/<name>`, which is looked at then. */
export type Due = string

interface Item {
  readonly t: number
  readonly due: Due
}

/** Looks at `due` in the block of this height, which is still to come. */
export function atHeight(draft: Draft, heightBlock: number, due: Due): void {
  assert(heightBlock > draft.at.heightBlock, 'wanted a block that is still to come')
  draft.setScalars({ heights: draft.scalars().heights + 1 })
  pushTo(draft, `height/${heightBlock}`, due)
}

/** Adds to a list in the state, item by item: what is in it already is not touched. */
export function pushTo(draft: Draft, list: string, item: string): void {
  const count = draft.get<number>(list) ?? 0
  draft.put(`${list}/${count}`, item)
  draft.put(list, count + 1)
}

/** Takes everything out of a list. */
export function takeAll(draft: Draft, list: string): string[] {
  const count = draft.get<number>(list) ?? 0
  const items: string[] = []
  for (let at = 0; at < count; at += 1) {
    const item = draft.get<string>(`${list}/${at}`)
    if (item !== undefined) items.push(item)
    draft.remove(`${list}/${at}`)
  }
  if (count > 0) draft.remove(list)
  return items
}

/** The deadline so many seconds and 2n blocks from now. */
export function deadlineIn(draft: Draft, seconds: number): Deadline {
  const { heightBlock, timeSeconds } = draft.at
  return { timeSeconds: timeSeconds + seconds, heightBlock: heightBlock + 2 * draft.members().authorities.size }
}

/** True if both the time and the height are reached. */
export function hasPassed(draft: Draft, deadline: Deadline | null): boolean {
  const { heightBlock, timeSeconds } = draft.at
  return deadline !== null && timeSeconds >= deadline.timeSeconds && heightBlock >= deadline.heightBlock
}

/** True if the time is reached and the height is not: then `due` must be looked at again at that height. */
export function isHeldUp(draft: Draft, deadline: Deadline): boolean {
  return draft.at.timeSeconds >= deadline.timeSeconds && draft.at.heightBlock < deadline.heightBlock
}

/** Looks at `due` when the deadline has passed. What then turns out to be over is no harm. */
export function atDeadline(draft: Draft, deadline: Deadline, due: Due): void {
  let at = draft.scalars().heap
  draft.setScalars({ heap: at + 1 })
  const item = { t: deadline.timeSeconds, due }
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = itemAt(draft, parent)
    if (above.t <= item.t) break
    draft.put(`heap/${at}`, above)
    at = parent
  }
  draft.put(`heap/${at}`, item)
}

/** Takes out everything that is due in this block, in order: what waited for the height, then what waited for the time. */
export function takeDue(draft: Draft): Due[] {
  const due = takeAll(draft, `height/${draft.at.heightBlock}`)
  if (due.length > 0) draft.setScalars({ heights: draft.scalars().heights - due.length })
  while (draft.scalars().heap > 0 && itemAt(draft, 0).t <= draft.at.timeSeconds) due.push(pop(draft))
  return [...new Set(due)]
}

function pop(draft: Draft): Due {
  const { due } = itemAt(draft, 0)
  const count = draft.scalars().heap - 1
  const last = itemAt(draft, count)
  draft.remove(`heap/${count}`)
  draft.setScalars({ heap: count })
  if (count === 0) return due
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= count) break
    if (child + 1 < count && itemAt(draft, child + 1).t < itemAt(draft, child).t) child += 1
    const below = itemAt(draft, child)
    if (last.t <= below.t) break
    draft.put(`heap/${at}`, below)
    at = child
  }
  draft.put(`heap/${at}`, last)
  return due
}

function itemAt(draft: Draft, at: number): Item {
  const item = draft.get<Item>(`heap/${at}`)
  assert(item !== undefined, 'wanted an item of the heap of deadlines')
  return item
}
