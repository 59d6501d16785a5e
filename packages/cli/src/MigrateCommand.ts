/**
 * `migrate`: brings the engine's tables up to date, or tells what that would run.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { Application } from "./Application.ts"
import * as ListFlags from "./ListFlags.ts"
import * as Output from "./Output.ts"
import * as Problem from "./Problem.ts"
import * as Store from "./Store.ts"
import * as Text from "./Text.ts"

/** What `migrate` did or would do. The names are stable: other programs read them. @category models @since 0.1.0 */
export interface Line {
  readonly from: number
  readonly to: number
  /** `Current`: there was nothing to do. */
  readonly status: "Current" | "Pending" | "Migrated"
  readonly migrations: ReadonlyArray<Store.Migration>
}

/** @category commands @since 0.1.0 */
export const migrate = Command.make(
  "migrate",
  {
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Print what it would run, and write nothing"),
      Flag.withDefault(false)
    ),
    json: ListFlags.json("Print one JSON line")
  },
  Effect.fnUntraced(function* ({ dryRun, json }) {
    const output = Output.whoever(yield* Output.make())
    const application = yield* Application
    const standing = yield* application.standing
    if (standing.version > standing.latest) return yield* Problem.mendable(Store.newer(standing))
    const isPending = standing.pending.length > 0
    if (isPending && !dryRun) yield* application.migrate
    const line: Line = {
      from: standing.version,
      to: standing.latest,
      status: !isPending ? "Current" : dryRun ? "Pending" : "Migrated",
      migrations: standing.pending
    }
    yield* json ? output.line(Text.json(line)) : output.lines(format(line))
  }, Problem.looking)
).pipe(
  Command.withDescription(
    "Bring the engine's tables up to date; nothing is done when they are. sync does it too, and makes the tables of objects"
  ),
  Command.withShortDescription("Bring the engine's tables up to date"),
  Command.withExamples([
    { command: "tidemark migrate --dry-run --database-url postgres://localhost/crm", description: "What it would run" },
    { command: "tidemark migrate --database-url postgres://localhost/crm", description: "Run it, in one transaction" }
  ])
)

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const format = ({ from, migrations, status, to }: Line): ReadonlyArray<string> => {
  const names = migrations.map(({ id, name }) => `  ${id} ${Text.safe(name)}`)
  const [before, after] = [from === 0 ? "no tables" : `version ${from}`, `version ${to}`]
  switch (status) {
    case "Current":
      return [`The engine's tables are up to date: ${after}. There is nothing to do.`]
    case "Migrated":
      return [`Brought the engine's tables from ${before} to ${after}:`, ...names]
    case "Pending":
      return [
        `Would bring the engine's tables from ${before} to ${after}, in one transaction:`,
        ...migrations.flatMap(({ id, name, statements }) => [
          `-- ${id} ${Text.safe(name)}`,
          ...statements.flatMap((statement) => `${statement};`.split("\n").map(Text.safe))
        ]),
        "Nothing was written."
      ]
  }
}
