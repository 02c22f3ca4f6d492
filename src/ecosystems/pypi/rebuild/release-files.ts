/** Kinds of files of a release, by their names. Sources: the binary distribution format (PEP 427), PEP 625. Pure. */
import { projectsOfFile, versionOfFile } from '../names.ts'

/** True for a wheel that runs anywhere: its platform is `any` and its ABI `none`. */
export function isPureWheel(file: string): boolean {
  return /-none-any\.whl$/.test(file)
}

/** True for a source archive of the kind that back ends make. */
export function isSourceArchive(file: string): boolean {
  return file.endsWith('.tar.gz')
}

/** True if a file's name says that it is of this release. */
export function isOfRelease(file: string, project: string, version: string): boolean {
  return projectsOfFile(file).includes(project) && versionOfFile(project, file) === version
}
