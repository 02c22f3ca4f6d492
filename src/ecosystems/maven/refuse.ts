/**
 * How a request is refused. The stock client prints the status and the reason phrase ("status code: 403, reason phrase: …")
 * and takes a 404 for "ask the next repository", so only what does not exist is 404: a failure must not send it elsewhere.
 */
import type { NativeReply, Reason } from '../../base/located.ts'
import type { RequestView } from '../ecosystem.ts'

const PHRASE_LENGTH_MAX = 300

/** The reply for a reason; for reads of what this node does not do 404, for writes 405. */
export function refuseMaven(reason: Reason, request: RequestView): NativeReply {
  const [status, title] = statusOf(reason, request)
  return {
    status,
    statusText: printable(`${title}: ${reason.message}`),
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    },
    body: `${reason.message}\n`,
  }
}

function statusOf(reason: Reason, request: RequestView): readonly [number, string] {
  if (reason.code === 'denied') return [403, 'Forbidden by policy']
  if (reason.code === 'unavailable' || reason.code === 'exhausted') return [503, 'Unavailable']
  if (reason.code === 'untrusted') return [502, 'Upstream not trusted']
  const reads = request.method === 'GET' || request.method === 'HEAD'
  return reads ? [404, 'Not Found'] : [405, 'Method Not Allowed']
}

/** Text that may stand in a status line. */
function printable(text: string): string {
  const ascii = text.replaceAll(/[^\x20-\x7e]+/g, '?')
  return ascii.length > PHRASE_LENGTH_MAX ? `${ascii.slice(0, PHRASE_LENGTH_MAX - 3)}...` : ascii
}
