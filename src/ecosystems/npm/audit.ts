/** Requests for advisories carry the names of everything that is installed: private names are taken out before they leave. */
import { gunzipSync } from 'node:zlib'
import { AppError } from '../../base/errors.ts'
import type { Headers } from '../../base/located.ts'
import type { Purl } from '../../base/purl.ts'
import type { RelayBody } from '../ecosystem.ts'
import { packagePurl } from './coordinates.ts'
import { isObject, type JsonObject } from './packument/packument.ts'

const BODY_BYTES_MAX = 64 * 1024 ** 2
/** Trees deeper than this are no tree of packages. */
const DEPTH_MAX = 200

/**
 * The body of an audit without the packages that must not be named: keys of the bulk form, and of `requires` and
 * `dependencies` in the older one. @throws usage.request if it cannot be read: what cannot be checked is not passed on
 */
export function auditBody(sent: RelayBody, mayName: (purl: Purl) => boolean): RelayBody {
  const document = parse(sent)
  const isTree = isObject(document.requires) || isObject(document.dependencies)
  const kept = isTree ? keepTree(document, mayName, 0) : keepNames(document, mayName)
  const headers = Object.entries(sent.headers).filter(([name]) => name !== 'content-encoding')
  return { headers: Object.fromEntries(headers), body: Buffer.from(JSON.stringify(kept)) }
}

function keepTree(node: JsonObject, mayName: (purl: Purl) => boolean, depth: number): JsonObject {
  if (depth > DEPTH_MAX) throw new AppError('usage.request', 'reading an audit: its tree is too deep')
  const kept: JsonObject = { ...node }
  for (const field of ['requires', 'dependencies'] as const) {
    const children = node[field]
    if (!isObject(children)) continue
    const entries = Object.entries(keepNames(children, mayName))
    kept[field] = Object.fromEntries(
      entries.map(([name, child]) => [name, isObject(child) ? keepTree(child, mayName, depth + 1) : child]),
    )
  }
  return kept
}

function keepNames(names: JsonObject, mayName: (purl: Purl) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(names).filter(([name]) => isPublic(name, mayName)))
}

function isPublic(name: string, mayName: (purl: Purl) => boolean): boolean {
  try {
    return mayName(packagePurl(name, undefined))
  } catch {
    // What is no name cannot be anybody's secret package, but neither can upstream know it.
    return false
  }
}

function parse({ headers, body }: { readonly headers: Headers; readonly body: Uint8Array }): JsonObject {
  try {
    const isPacked = headers['content-encoding'] === 'gzip'
    const plain = isPacked ? gunzipSync(body, { maxOutputLength: BODY_BYTES_MAX }) : body
    const document: unknown = JSON.parse(Buffer.from(plain).toString('utf8'))
    if (isObject(document)) return document
  } catch (cause) {
    throw new AppError('usage.request', 'reading an audit: it is no JSON', { cause })
  }
  throw new AppError('usage.request', 'reading an audit: wanted an object')
}
