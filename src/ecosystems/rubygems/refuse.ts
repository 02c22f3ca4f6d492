/**
 * How a request is refused. `gem` prints the status text and number, Bundler the body; both end at once, whatever the status,
 * but for 401 (they ask for a password), 404 (Bundler tries its older indexes) and 429.
 */
import type { NativeReply, Reason } from '../../base/located.ts'
import type { RequestView } from '../ecosystem.ts'

const TEXT_LENGTH_MAX = 300

/** The reply for a reason; for reads of what this node does not do 404, for writes 405. */
export function refuseGem(reason: Reason, request: RequestView): NativeReply {
  const [status, title] = statusOf(reason, request)
  return {
    status,
    statusText: printable(`${title}: ${reason.message}`),
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    },
    body: `${title}: ${reason.message}\n`,
  }
}

function statusOf(reason: Reason, request: RequestView): readonly [number, string] {
  if (reason.code === 'denied') return [403, 'Forbidden by policy']
  if (reason.code === 'malformed') return [400, 'Bad Request']
  if (reason.code === 'exhausted') return [503, 'Service Unavailable']
  if (reason.code === 'unavailable') return [503, 'Upstream unavailable']
  if (reason.code === 'untrusted') return [502, 'Upstream not trusted']
  const reads = request.method === 'GET' || request.method === 'HEAD'
  return reason.code === 'unsupported' && !reads ? [405, 'Method Not Allowed'] : [404, 'Not Found']
}

/** Text that may stand in a status line. */
function printable(text: string): string {
  const ascii = text.replaceAll(/[^\x20-\x7e]+/g, '?')
  return ascii.length > TEXT_LENGTH_MAX ? `${ascii.slice(0, TEXT_LENGTH_MAX - 3)}...` : ascii
}
