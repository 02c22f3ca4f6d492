/** What a person can do about a log or a cosigner's memory that cannot be opened; the how-to has the steps. */
import { AppError } from '../../base/errors.ts'

const HOW_TO = 'docs/how-to/run-a-log.md, "When the node does not start because of its log"'

/** What it was that could not be opened. */
export type Mend = 'written' | 'followed' | 'cosigner'

const MENDS: Readonly<Record<Mend, string>> = {
  written: `"pyrsia log check" names the files: bring them back from a copy that is not older (${HOW_TO})`,
  followed: `"pyrsia log check" names the files; move the directory "log" away and the log is fetched again (${HOW_TO})`,
  cosigner: `bring it back from a copy that is not older, or give its key up (${HOW_TO})`,
}

/** What `opening` resolves to. @throws what it throws; damaged.log and damaged.cosigner with what mends it */
export async function orMend<T>(opening: Promise<T>, mend: Mend): Promise<T> {
  try {
    return await opening
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'damaged') throw error
    const message = `${error.message}. Nothing was changed or signed: ${MENDS[mend]}`
    throw new AppError(error.code, message, { data: error.data, cause: error.cause })
  }
}
