/**
 * How a pull is refused: 404 with an OCI error document, whatever the reason. A 401 would be answered with the user's password
 * for another registry, a 429 or 5xx with minutes of retries, a 404 with the next mirror or the registry itself
 * (`3-registries.md`).
 */
import type { NativeReply, Reason } from '../../base/located.ts'
import type { RequestView } from '../ecosystem.ts'

/** Sent with every answer: clients of old registries look for it. */
export const API_VERSION_HEADER: Readonly<Record<string, string>> = {
  'docker-distribution-api-version': 'registry/2.0',
}

const WARNING_LENGTH_MAX = 500

/** The error reply; codes of the OCI distribution spec 1.1 ("Error Codes"). */
export function refuseDocker(reason: Reason, request: RequestView): NativeReply {
  const reads = request.method === 'GET' || request.method === 'HEAD'
  return {
    status: reads ? 404 : 405,
    headers: {
      ...API_VERSION_HEADER,
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(reads ? {} : { allow: 'GET, HEAD' }),
    },
    body: JSON.stringify({
      errors: [{ code: errorCode(reason, request, reads), message: reason.message, detail: { reason: reason.code } }],
    }),
  }
}

/** What registries say beside a reply, for clients to print (OCI distribution spec 1.1, "Warnings"). */
export function dockerNotice(text: string): Record<string, string> {
  const printable = text.replaceAll(/[^\x20-\x7e]+/g, '?').replaceAll(/["\\]/g, "'")
  return { warning: `299 - "${printable.slice(0, WARNING_LENGTH_MAX)}"` }
}

function errorCode(reason: Reason, request: RequestView, reads: boolean): string {
  if (!reads || reason.code === 'unsupported') return 'UNSUPPORTED'
  if (reason.code === 'denied') return 'DENIED'
  if (reason.code === 'malformed') return 'NAME_INVALID'
  if (/\/manifests\/[^/]*$/.test(request.path)) return 'MANIFEST_UNKNOWN'
  if (/\/blobs\/[^/]*$/.test(request.path)) return 'BLOB_UNKNOWN'
  return 'NAME_UNKNOWN'
}
