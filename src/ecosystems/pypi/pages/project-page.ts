/**
 * The page of a project in a simple index, whichever form upstream gave it in, as the JSON of PEP 691 has it (with PEP 700, 708,
 * 714, 740 and 792). What is not known is kept as it is. Read by `transform.ts`; the HTML form is read by `html-reader.ts`.
 */
import { isFileName, isProjectName, normalName, projectsOfFile } from '../names.ts'
import { readHtmlPage } from './html-reader.ts'
import { isObject, type JsonObject, malformed, parseJson } from './json.ts'

/** One file of a page; `filename` and `url` are checked, all else is as upstream has it. */
export interface PageFile extends JsonObject {
  filename: string
  /** Absolute, or relative to the page. */
  url: string
}

/** A page. */
export interface ProjectPage {
  /** Normal name of the project, as far as the page tells; empty if it does not. */
  readonly name: string
  /** The page but for its files. */
  readonly document: JsonObject
  readonly files: readonly PageFile[]
}

/** The page of these bytes. Files whose names no client could ask for are left out. @throws untrusted.reply */
export function readProjectPage(bytes: Uint8Array, mediaType: string): ProjectPage {
  const { files, ...document } = isHtml(mediaType) ? readHtmlPage(bytes) : parseJson(bytes)
  if (!Array.isArray(files)) throw malformed('a list of files', files)
  const usable = files.filter(isPageFile)
  const name = typeof document.name === 'string' && isProjectName(document.name) ? document.name : mostNamed(usable)
  return { name: normalName(name), document, files: usable }
}

/** True for either media type of the HTML form. */
export function isHtml(mediaType: string): boolean {
  return /^(?:text\/html|application\/vnd\.pypi\.simple\.v1\+html)\s*(?:;|$)/i.test(mediaType)
}

function isPageFile(value: unknown): value is PageFile {
  if (!isObject(value) || typeof value.filename !== 'string' || typeof value.url !== 'string') return false
  return isFileName(value.filename) && !/\p{Cc}/u.test(value.url)
}

/** Pages in HTML need not name their project; the names of its files do. */
function mostNamed(files: readonly PageFile[]): string {
  const votes = new Map<string, number>()
  for (const { filename } of files) {
    for (const name of projectsOfFile(filename)) votes.set(name, (votes.get(name) ?? 0) + 1)
  }
  let best = ''
  for (const [name, count] of votes) if (count > (votes.get(best) ?? 0)) best = name
  return best
}
