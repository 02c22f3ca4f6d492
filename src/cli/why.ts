/** `pyrsia why`: where the bytes of a package came from, who vouched for them, and how old that is. */
import { isStrong } from '../base/digest.ts'
import type { Origin } from '../base/located.ts'
import type { WhyView } from '../http/http.ts'
import type { CliContext, CommonOptions } from './context.ts'
import { json, plainText, showBytes, showSeconds } from './format.ts'

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
  return parts.join('')
}

function originText(origin: Origin): string {
  if (origin.kind === 'upstream') return `upstream ${origin.name}`
  if (origin.kind === 'local') return 'this node itself'
  return `${origin.trusted ? 'trusted ' : ''}peer ${origin.peerId}`
}
