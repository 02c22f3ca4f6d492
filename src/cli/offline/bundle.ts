/** `pyrsia export` and `pyrsia import`: what a node keeps as one file, and back into another node. */
import { resolve } from 'node:path'
import { AppError } from '../../base/errors.ts'
import type { BundlesView, ImportedBundle } from '../../http/http.ts'
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText, showBytes, showSeconds, table } from '../format.ts'
import { readBytes, writeBytes } from './files.ts'

/** Options of `export`. */
export interface ExportOptions extends CommonOptions {
  readonly output: string
  readonly label?: readonly string[]
  readonly all?: boolean
}

/** Options of `import`. */
export interface ImportOptions extends CommonOptions {
  readonly list?: boolean
  readonly remove?: string
}

/** Writes a bundle of synced lockfiles, of labels, or of everything. @throws absent.blob, usage.request, unavailable.node, denied.token */
export async function exportBundle(
  context: CliContext,
  lockfiles: readonly string[],
  options: ExportOptions,
): Promise<void> {
  const labels = [...lockfiles.map((path) => `sync:${resolve(path)}`), ...(options.label ?? [])]
  const all = options.all === true
  if (all === labels.length > 0) {
    throw new AppError('usage.config', 'wanted either --all, or lockfiles that were synced and labels (--label)')
  }
  const node = await context.connect(options.data)
  const stream = await node.download('/api/bundles/export', all ? { all } : { labels })
  let sentBytes = 0
  const sizeBytes = await writeBytes(
    options.output,
    (async function* () {
      for await (const chunk of stream) {
        sentBytes += chunk.byteLength
        context.progress(`${plainText(options.output)}: ${showBytes(sentBytes)}`)
        yield chunk
      }
    })(),
  ).finally(() => context.progress(undefined))
  if (options.json) context.out(json({ path: options.output, sizeBytes }))
  else context.out(`Wrote ${plainText(options.output)}, ${showBytes(sizeBytes)}\n`)
}

/** Takes a bundle in, or lists or lets go what was taken in. @throws untrusted.bundle, untrusted.signature, untrusted.digest, usage.request, exhausted.disk, unavailable.node, denied.token */
export async function importBundle(
  context: CliContext,
  path: string | undefined,
  options: ImportOptions,
): Promise<void> {
  const node = await context.connect(options.data)
  if (options.list) {
    const found = await node.get<BundlesView>('/api/bundles')
    context.out(options.json ? json(found) : listText(found, context.nowMs()))
    return
  }
  if (options.remove !== undefined) {
    const query = { label: options.remove }
    const removed = await node.change<ImportedBundle>('DELETE', '/api/bundles', { query })
    context.out(
      options.json ? json(removed) : `${removed.label}: ${removed.blobCount} blobs are no longer kept for it\n`,
    )
    return
  }
  if (path === undefined) throw new AppError('usage.config', 'wanted a bundle, --list or --remove LABEL')
  const imported = await node.upload<ImportedBundle>('/api/bundles/import', readBytes(path))
  context.out(options.json ? json(imported) : importText(imported))
}

function importText(imported: ImportedBundle): string {
  const { label, signer, trusted, blobCount, sizeBytes, documentCount, ignoredCount } = imported
  const documents = trusted
    ? `${documentCount} documents\n`
    : `no documents: ${ignoredCount} are in the bundle, but its signer is not trusted (--trust-peer ${signer})\n`
  return plainText(`Imported ${blobCount} blobs, ${showBytes(sizeBytes)}, as ${label}, and `) + documents
}

function listText({ imported }: BundlesView, nowMs: number): string {
  if (imported.length === 0) return 'No bundle was imported.\n'
  const rows = imported.map((each) => [
    each.label,
    each.signer,
    each.trusted ? 'trusted' : 'stranger',
    String(each.blobCount),
    showBytes(each.sizeBytes),
    `${showSeconds((nowMs - each.importedAtMs) / 1000)} ago`,
  ])
  return table([['LABEL', 'SIGNER', 'TRUST', 'BLOBS', 'SIZE', 'IMPORTED'], ...rows])
}
