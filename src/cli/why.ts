/** `pyrsia why`: where the bytes of a package came from, who vouched for them, and how old that is. */
import { isStrong } from '../base/digest.ts'
import type { Origin } from '../base/located.ts'
import type { LogAboutView, WhyView } from '../http/http.ts'
import type { CliContext, CommonOptions } from './context.ts'
import { json, plainText, showBytes, showSeconds } from './format.ts'
import { summaryOf } from './log/summary.ts'

/** @throws unavailable.node, usage.purl, absent.blob if nothing was served under it */
export async function why(context: CliContext, purl: string, options: CommonOptions): Promise<void> {
  const node = await context.connect(options.data)
  const found = await node.get<WhyView>('/api/why', { purl })
  context.out(options.json ? json(found) : whyText(found, context.nowMs()))
}

/** The answer for people. */
export function whyText(found: WhyView, nowMs: number): string {
  const age = (atMs: number): string => `${showSeconds((nowMs - atMs) / 1000)} ago`
  const parts = found.served.map((fact) => {
    const lines = [
      `${fact.purl}  ${fact.label}`,
      `  bytes     ${fact.id}`,
      `  came from ${originText(fact.origin)}`,
      `  upstream  ${fact.upstream}`,
      ...fact.evidence.map(
        ({ kind, digest, statedBy }) =>
          `  stated    ${digest.slice(0, 23)}… by ${statedBy} (${kind}${isStrong(digest) ? '' : ', weak: no proof'})`,
      ),
      `  served    first ${age(fact.firstAtMs)}, last ${age(fact.lastAtMs)}`,
      fact.stored === undefined
        ? '  stored    no longer'
        : `  stored    ${showBytes(fact.stored.sizeBytes)} since ${age(fact.stored.storedAtMs)}, share ${fact.stored.share}${fact.stored.pins.length > 0 ? `, pinned by ${fact.stored.pins.join(', ')}` : ''}`,
    ]
    return `${lines.map(plainText).join('\n')}\n`
  })
  return `${parts.join('')}${found.log === undefined ? '' : logText(found.log, age)}`
}

/** What the log says: each entry with its index, then the checkpoint that covers it, who cosigned that, and how old it is. */
function logText({ checkpoint, entries }: LogAboutView, age: (atMs: number) => string): string {
  const { origin, size, solo, cosignatures, timeSeconds, stale } = checkpoint
  const lines = [
    entries.length === 0 ? `log ${origin}: nothing` : `log ${origin}`,
    ...entries.map(({ index, entry }) => `  entry     ${index}: ${summaryOf(entry)}`),
    `  covered   by the checkpoint of ${size} entries${timeSeconds === undefined ? '' : `, ${age(timeSeconds * 1000)}`}`,
    ...cosignatures.map(({ name, timeSeconds: seconds }) => `  cosigned  by ${name} ${age(seconds * 1000)}`),
    ...(solo ? ['  worth     built once, by you: nobody else vouches for it'] : []),
    ...(stale === undefined ? [] : [`  ! ${stale}`]),
  ]
  return `${lines.map(plainText).join('\n')}\n`
}

function originText(origin: Origin): string {
  if (origin.kind === 'upstream') return `upstream ${origin.name}`
  if (origin.kind === 'local') return 'this node itself'
  return `${origin.trusted ? 'trusted ' : ''}peer ${origin.peerId}`
}
