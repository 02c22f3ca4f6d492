/** Reads requirements files whose requirements are pinned (pip's documentation, "Requirements File Format", "Hash-checking Mode"). */
import { AppError } from '../../../base/errors.ts'
import type { LockedFile } from '../../ecosystem.ts'
import { ENTRIES_MAX, lockedPage } from './locked-page.ts'

const FROM = 'requirements file'
const PINNED = /^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\]\s*)?={2,3}\s*([^\s;*]+)\s*(?:;|$|--)/

/**
 * One entry for each pinned requirement; URLs, folders and repositories are not the index's, and options are pip's own affair.
 * @throws usage.request for what is not pinned, and for files that include others: nothing could be said of their content
 */
export function readRequirements(bytes: Uint8Array): LockedFile[] {
  const found: LockedFile[] = []
  for (const { text, line } of requirementsIn(bytes)) {
    if (/^(?:-r|--requirement)(?:\s|=|[^-\s])/.test(text)) {
      throw refused(line, 'a requirement, and a file of its own for what it includes', text)
    }
    if (text.startsWith('-') || /^[\w.-]+\s*(?:\[[^\]]*\]\s*)?@|:\/\/|^[./]|\.(?:whl|zip|tar\.gz)\b/.test(text))
      continue
    const [, name = '', version = ''] = PINNED.exec(text) ?? []
    if (name === '') throw refused(line, 'a requirement pinned with ==', text)
    const hashes = [...text.matchAll(/\s--hash[=\s]\s*([a-z0-9]+:[0-9a-f]+)/gi)].map(([, hash = '']) => hash)
    found.push(lockedPage(name, version, hashes, FROM))
    if (found.length > ENTRIES_MAX) throw refused(line, `at most ${ENTRIES_MAX} requirements`, text)
  }
  return found
}

/** Logical lines: joined at backslashes, without comments. */
function* requirementsIn(bytes: Uint8Array): Generator<{ readonly text: string; readonly line: number }> {
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\n|\r/)
  let parts: string[] = []
  let begun = 1
  for (const [index, line] of lines.entries()) {
    if (parts.length === 0) begun = index + 1
    const isComment = /^\s*#/.test(line)
    const comment = line.search(/(?:^|\s)#/)
    const bare = comment < 0 ? line : line.slice(0, comment).trimEnd()
    const goesOn = !isComment && bare.endsWith('\\')
    parts.push(goesOn ? bare.slice(0, -1) : bare)
    if (goesOn && index < lines.length - 1) continue
    const text = parts.join(' ').trim()
    parts = []
    if (text !== '') yield { text, line: begun }
  }
}

function refused(line: number, wanted: string, text: string): AppError {
  const found = JSON.stringify(text.slice(0, 100))
  return new AppError('usage.request', `reading a ${FROM}, line ${line}: wanted ${wanted}, found ${found}`)
}
