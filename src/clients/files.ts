/** What setting clients up needs of a file system. The adapter is `disk-files.ts`. */

/** A regular file as it was found. */
export interface FoundFile {
  readonly bytes: Uint8Array
  /** Permission bits. */
  readonly mode: number
}

/** Files by absolute path. Symbolic links are followed to the file that they name, which is the one that is changed. */
export interface ClientFiles {
  /** Undefined: there is no such file. @throws usage.config if it is no regular file, too large, a dangling link, or may not be read */
  read(path: string): Promise<FoundFile | undefined>
  /**
   * Replaces the file in one step, keeping the mode and owner it has; a new one gets `mode`, and its folders are made.
   * @throws usage.config if that is not allowed, exhausted.disk
   */
  write(path: string, bytes: Uint8Array, mode: number): Promise<void>
  /** Removes the file, if it is there, and then those of `folders` that are empty, in their order. @throws usage.config */
  remove(path: string, folders: readonly string[]): Promise<void>
  /** The folders above `path` that do not exist, deepest first. */
  missingFolders(path: string): Promise<readonly string[]>
  /** Names of the files in a folder; none if it does not exist. */
  list(folder: string): Promise<readonly string[]>
  /** True if `path` is a file that may be executed. */
  isProgram(path: string): Promise<boolean>
}
