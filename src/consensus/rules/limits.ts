/** What one organisation may ask for: requests and disputes per window, and how many at once. */
import type { Draft } from '../draft/draft.ts'
import type { LimitRecord } from '../draft/records.ts'

/** Counts one request of the organisation; false, and nothing counted, if it has used up what it may. */
export function takeLimit(draft: Draft, organisation: string): boolean {
  const { windowSeconds, requestsPerWindow, openRequestsMax } = draft.members().rules
  const window = Math.floor(draft.at.timeSeconds / windowSeconds)
  const before = draft.get<LimitRecord>(`limit/${organisation}`)
  const used = before?.window === window ? before.used : 0
  const open = before?.open ?? 0
  if (used >= requestsPerWindow || open >= openRequestsMax) return false
  draft.put(`limit/${organisation}`, { window, used: used + 1, open: open + 1 } satisfies LimitRecord)
  return true
}

/** One request of the organisation is no longer open. */
export function releaseLimit(draft: Draft, organisation: string): void {
  const before = draft.get<LimitRecord>(`limit/${organisation}`)
  if (before !== undefined) draft.put(`limit/${organisation}`, { ...before, open: Math.max(0, before.open - 1) })
}
