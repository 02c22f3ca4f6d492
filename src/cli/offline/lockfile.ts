/** A lockfile as the node is sent it: its text, or what the client's own tool lists in its place. */
import { resolve } from 'node:path'
import type { StatusView } from '../../http/http.ts'
import type { CliContext, NodeApi } from '../context.ts'
import { plainText } from '../format.ts'
import { readText } from './files.ts'

/** The largest lockfile, bytes. */
const LOCKFILE_BYTES_MAX = 33_554_432

/**
 * Reads it; `action`: whether a tool that must list what the file wants runs (`make`), or its kept list is used.
 * @throws usage.request, exhausted.size, absent.lockfile, unavailable.timeout, aborted.caller
 */
export async function readLockfile(
  context: CliContext,
  node: NodeApi,
  {
    path,
    action,
    data,
  }: { readonly path: string; readonly action: 'make' | 'reuse'; readonly data?: string | undefined },
): Promise<string> {
  const text = await readText(path, LOCKFILE_BYTES_MAX)
  const endpoints = async () => (await node.get<Pick<StatusView, 'endpoints'>>('/api/status')).endpoints
  const onLine = (line: string): void => context.progress(plainText(`${path}: ${line}`))
  try {
    return (await context.listed({ action, path: resolve(path), text, endpoints, data, onLine })) ?? text
  } finally {
    context.progress(undefined)
  }
}
