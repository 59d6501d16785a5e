/** `RUNS` sets the number of cases of every law, `SEED` makes them repeatable. */
import type * as Law from "@tidemark/laws/Law"

const { RUNS, SEED } = process.env

export const settings = (runs?: number): Law.Options => ({
  ...(RUNS !== undefined ? { runs: Number(RUNS) } : runs === undefined ? {} : { runs }),
  ...(SEED === undefined ? {} : { seed: Number(SEED) })
})
