/** Makes a page point at this node, and marks what the policy keeps from clients. All else stays as upstream has it. */
import type { HiddenRelease } from '../../ecosystem.ts'
import { versionOfFile } from '../names.ts'
import { digestsOf, metadataDigests, provenanceOf } from './file-table.ts'
import { placeOf } from './places.ts'
import type { PageFile, ProjectPage } from './project-page.ts'

/** From a project's page to the mount: `/simple/<name>/`. Relative, so that one form serves every address of this node. */
const UP = '../..'

/**
 * The files with URLs of this node. Metadata without a digest is not offered: it could not be checked. Files of hidden releases
 * are yanked with the policy's reason: clients pass them over, and say why where one is asked for by its exact version.
 */
export function rewriteFiles(project: string, page: ProjectPage, hidden: readonly HiddenRelease[] = []): PageFile[] {
  const releases = new Map(hidden.map((release) => [release.version, release]))
  return page.files.map((file) => {
    const url = `${UP}${placeOf(project, file)}`
    const mine: PageFile = { ...file, url }
    if (metadataDigests(file).length === 0) {
      for (const key of ['core-metadata', 'dist-info-metadata', 'data-dist-info-metadata']) {
        if (mine[key] !== undefined) mine[key] = false
      }
    }
    if (provenanceOf(file) !== undefined) mine.provenance = `${url}.provenance`
    const version = releases.size === 0 ? undefined : versionOfFile(project, file.filename)
    const release = version === undefined ? undefined : releases.get(version)
    if (release !== undefined && isHidden(file, release)) mine.yanked = release.reason
    return mine
  })
}

function isHidden({ hashes }: PageFile, { files }: HiddenRelease): boolean {
  const [best] = digestsOf(hashes)
  return files === undefined || (best !== undefined && files.includes(best))
}
