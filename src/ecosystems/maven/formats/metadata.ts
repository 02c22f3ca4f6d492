/**
 * `maven-metadata.xml`: versions of an artifact, builds of a snapshot, or the plugins of a group (repository metadata 1.1). It is
 * passed on byte for byte unless versions have to be left out; then only their own lines go.
 */
import { AppError } from '../../../base/errors.ts'
import { childOf, escapeXml, readXml, type XmlElement } from './xml.ts'

const WHAT = 'maven-metadata.xml'

/** The versions that an artifact's metadata lists, in its order. @throws untrusted.reply */
export function listedVersions(document: Uint8Array): string[] {
  return versionElements(readMetadata(document).root).map(({ text }) => text.trim())
}

/** The document without these versions; `latest` and `release` become the best that is left. @throws untrusted.reply */
export function withoutVersions(document: Uint8Array, hidden: ReadonlySet<string>): Uint8Array {
  const { root, text } = readMetadata(document)
  if (hidden.size === 0) return document
  const versioning = childOf(root, 'versioning')
  const listed = versionElements(root)
  const left = listed.map((element) => element.text.trim()).filter((version) => !hidden.has(version))
  const edits: Edit[] = listed
    .filter((element) => hidden.has(element.text.trim()))
    .map((element) => removal(text, element))
  for (const [name, best] of [
    ['latest', left.at(-1)],
    ['release', left.findLast((version) => !/-SNAPSHOT$/i.test(version))],
  ] as const) {
    const element = childOf(versioning, name)
    if (element === undefined || !hidden.has(element.text.trim())) continue
    if (best === undefined) edits.push(removal(text, element))
    else edits.push({ start: element.openEnd, end: element.closeStart, by: escapeXml(best) })
  }
  return Buffer.from(applied(text, edits))
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly by: string
}

function readMetadata(document: Uint8Array): { readonly root: XmlElement; readonly text: string } {
  const text = Buffer.from(document.buffer, document.byteOffset, document.byteLength).toString('utf8')
  const root = readXml(text, WHAT)
  if (root.name === 'metadata') return { root, text }
  throw new AppError('untrusted.reply', `reading ${WHAT}: wanted <metadata>, found <${root.name.slice(0, 50)}>`)
}

function versionElements(root: XmlElement): XmlElement[] {
  const versions = childOf(childOf(root, 'versioning'), 'versions')
  return versions?.children.filter(({ name }) => name === 'version') ?? []
}

/** An element with the white space before it. */
function removal(text: string, { start, end }: XmlElement): Edit {
  const space = /\s*$/.exec(text.slice(Math.max(0, start - 200), start))?.[0].length ?? 0
  return { start: start - space, end, by: '' }
}

function applied(text: string, edits: readonly Edit[]): string {
  const parts: string[] = []
  let at = 0
  for (const { start, end, by } of [...edits].sort((a, b) => a.start - b.start)) {
    parts.push(text.slice(at, start), by)
    at = end
  }
  return [...parts, text.slice(at)].join('')
}
