/**
 * How a request is refused. pip prints the status text of a file's reply; uv prints the title and detail of a problem document
 * (RFC 9457) and stops at 401 and 403, while 404 sends it on to its next index. Of a page, neither prints anything but yanked
 * releases: for them a page that is refused has one, which no requirement can mean, with the reason. Both repeat a 5xx, 408 or 429 for seconds
 * without a word: what this node already tried in vain is 424 (Failed Dependency), which is shown at once. Only a node that is
 * too busy says 503, because then the repetition helps.
 */
import type { NativeReply, Reason } from '../../base/located.ts'
import type { RequestView } from '../ecosystem.ts'
import { MEDIA_TYPES, preferredForm } from './accept.ts'
import { isProjectName, normalName } from './names.ts'
import { writeHtmlPage } from './pages/html-writer.ts'
import { refusalFile } from './pages/refusal-file.ts'

const TEXT_LENGTH_MAX = 300

/** Who would print nothing of a refused page; of a 424 uv prints all. */
const TOLD_BY_PAGE: Partial<Record<Reason['code'], RegExp>> = {
  denied: /^(?:pip|uv)\//,
  unavailable: /^pip\//,
  untrusted: /^pip\//,
}

/** The reply for a reason; for reads of what this node does not do 404, for writes 405. */
export function refusePypi(reason: Reason, request: RequestView): NativeReply {
  const [status, title] = statusOf(reason, request)
  const told = TOLD_BY_PAGE[reason.code]?.test(request.headers['user-agent'] ?? '') === true
  const page = told ? pageOfRefusal(reason, request) : undefined
  if (page !== undefined) return page
  return {
    status,
    statusText: printable(`${title}: ${reason.message}`),
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    },
    body: JSON.stringify({ type: 'about:blank', status, title, detail: reason.message, reason: reason.code }),
  }
}

function statusOf(reason: Reason, request: RequestView): readonly [number, string] {
  if (reason.code === 'denied') return [403, 'Forbidden by policy']
  if (reason.code === 'malformed') return [400, 'Bad Request']
  if (reason.code === 'exhausted') return [503, 'Service Unavailable']
  if (reason.code === 'unavailable') return [424, 'Upstream unavailable']
  if (reason.code === 'untrusted') return [424, 'Upstream not trusted']
  const reads = request.method === 'GET' || request.method === 'HEAD'
  return reason.code === 'unsupported' && !reads ? [405, 'Method Not Allowed'] : [404, 'Not Found']
}

/** The page for clients that would say nothing of a 403; yanked, so that it comes in nobody's way. */
function pageOfRefusal({ code, message }: Reason, { path, headers }: RequestView): NativeReply | undefined {
  const name = /^\/simple\/([^/]+)\/$/.exec(path)?.[1] ?? ''
  if (!isProjectName(name)) return undefined
  const project = normalName(name)
  const { version, file } = refusalFile(project, code, message)
  const document = { meta: { 'api-version': '1.1' }, name: project, versions: [version], files: [{ ...file, size: 0 }] }
  const form = preferredForm(headers.accept)
  return {
    status: 200,
    headers: { 'content-type': MEDIA_TYPES[form], 'cache-control': 'no-store' },
    body: form === 'json' ? JSON.stringify(document) : writeHtmlPage(project, document, [file]),
  }
}

/** Text that may stand in a status line. */
function printable(text: string): string {
  const ascii = text.replaceAll(/[^\x20-\x7e]+/g, '?')
  return ascii.length > TEXT_LENGTH_MAX ? `${ascii.slice(0, TEXT_LENGTH_MAX - 3)}...` : ascii
}
