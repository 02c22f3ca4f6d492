/** From the wire's reply to the caller's: headers cleaned, the part that was asked for, identity encoding. Called by `client.ts`. */
import { errorChain, isKind, wrapError } from '../../base/errors.ts'
import type { Line } from '../line.ts'
import { contentLength, replyHeaders } from '../rules/headers.ts'
import { rangedReply } from '../rules/ranges.ts'
import type { UpstreamReply, UpstreamRequest } from '../upstream.ts'
import { decoded, EMPTY_BODY, ownedBody, portion } from '../wire/body.ts'
import type { WireReply } from '../wire/transport.ts'
import type { Session } from './session.ts'

const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])

/** The reply for the caller; `session` ends with its body. @throws untrusted.reply, untrusted.size, unavailable.upstream */
export function openedReply(
  line: Line,
  session: Session,
  asked: UpstreamRequest,
  reply: WireReply,
  skipBytesMax: number,
): UpstreamReply {
  session.onEnd(() => reply.discard())
  const { 'content-encoding': encoding, ...headers } = replyHeaders(reply.headers)
  if (asked.method === 'HEAD' || BODILESS.has(reply.status)) {
    session.end()
    return { status: reply.status, headers, body: EMPTY_BODY, sizeBytes: contentLength(headers) }
  }
  // The stated length counts encoded bytes.
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') delete headers['content-length']
  const ranged = rangedReply({ status: reply.status, headers }, asked.range, skipBytesMax)
  const whole = decoded(reply.body, encoding)
  const cut = ranged.skipBytes > 0 || ranged.takeBytes !== undefined
  const body = ownedBody(cut ? portion(whole, ranged.skipBytes, ranged.takeBytes) : whole, {
    end: () => session.end(),
    error: (cause) => {
      const error = session.explain(cause)
      if (isKind(error, 'aborted')) return error
      const message = `the body from ${asked.upstream} broke off`
      const broken = wrapError(error, 'unavailable.upstream', message, { phase: 'broken' })
      line.health.failed(errorChain(broken).join(': '))
      return broken
    },
  })
  return { status: ranged.status, headers: ranged.headers, body, sizeBytes: ranged.sizeBytes }
}
