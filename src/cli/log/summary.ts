/** What an entry of the log says, in a line for people. Pure. */
import type { Json } from '../../base/crypto/canonical-json.ts'
import type { Entry } from '../../base/entries/entry.ts'

/** The summary of an entry as the API gave it; of one that this version does not know, its kind. */
export function summaryOf(value: Json): string {
  const entry = value as unknown as Entry
  switch (entry.kind) {
    case 'member':
      return entry.step === 'genesis'
        ? `${entry.offer.body.organisation} founded the network`
        : `${entry.step} on a change`
    case 'policy':
      return entry.votes === null ? 'the rules that the network began with' : 'new rules'
    case 'request':
      return `asked for, attempt ${entry.attempt}`
    case 'selection':
      return entry.outcome === 'selected'
        ? `${entry.builders} builders drawn, ${entry.quorum} must agree`
        : entry.outcome
    case 'commit':
    case 'reveal':
      return `${entry.kind} of ${entry.organisation}`
    case 'verdict': {
      const agreed = entry.panel.filter((each) => each.agreed).length
      const level = entry.level === null ? '' : `, ${entry.level}`
      const relation = entry.relation === null ? '' : `, upstream ${entry.relation}`
      return `${entry.outcome}${relation}${level}: ${agreed} of ${entry.builders} alike${labelOf(entry.panel)}`
    }
    case 'fault':
      return `${entry.fault} of ${entry.organisation}`
    case 'dispute':
      return `dispute ${entry.step}`
    case 'revocation':
      return entry.step === 'effective' ? `revoked: ${entry.reason}` : `${entry.organisation} is for revoking`
    case 'head':
      return `${entry.revocations.count} revocations in all`
    default:
      return `an entry that this version does not know`
  }
}

/** The purl that an entry is about, if it is about one. */
export function purlOf(value: Json): string | undefined {
  return textAt(value, 'purl') ?? textAt(value, 'tx.body.purl')
}

/** The value at a dotted path, as text; undefined if there is none. */
export function textAt(value: Json, path: string): string | undefined {
  let at: Json | undefined = value
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Readonly<Record<string, Json>>)[name]
  }
  if (at === undefined) return undefined
  return typeof at === 'object' && at !== null ? JSON.stringify(at) : String(at)
}

/** Sandboxes that builders named: an entry made for tests says so there. */
function labelOf(panel: readonly { readonly environment: { readonly sandbox: string } | null }[]): string {
  const names = new Set(panel.flatMap(({ environment }) => (environment === null ? [] : [environment.sandbox])))
  return names.size === 0 ? '' : ` (${[...names].join(', ')})`
}
