// Goal: a rotated token is never lost, and a newer authorisation is never overruled by an older one.
// Method: random replacements, new authorisations and new starts over real files, against the value that was given last.
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as ConfigurationRotation from "@tidemark/cli/ConfigurationRotation"
import type * as ConfigurationSecret from "@tidemark/cli/ConfigurationSecret"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { describe, it } from "vitest"

const inDirectory = async (use: (directory: string) => Promise<void>) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-rotation-"))
  try {
    await use(directory)
  } finally {
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

const placeIn = (directory: string): ConfigurationSecret.Place => ({
  directory,
  file: path.join(directory, "tidemark.yaml"),
  mode: 0o600
})

/** The next start of a program, given what is configured. */
const start = (secret: ConfigurationSecret.Secret, value: string, directory: string) =>
  Effect.runPromise(
    Effect.result(ConfigurationRotation.make(secret, Redacted.make(value), placeIn(directory))).pipe(
      Effect.provide(NodeServices.layer)
    )
  )

const started = async (...args: Parameters<typeof start>) => Result.getOrThrow(await start(...args))

const move = fc.oneof(
  fc.record({ _tag: fc.constant("Keep" as const), next: fc.uuid() }),
  fc.record({ _tag: fc.constant("Start" as const) }),
  fc.record({ _tag: fc.constant("Authorise" as const), value: fc.uuid() })
)

describe("a rotated token", () => {
  it.each(["env", "file"] as const)("from %s, the next start has the one that was given last", (kind) =>
    fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 8 }), (moves) =>
        inDirectory(async (directory) => {
          const file = path.join(directory, "token")
          const secret = kind === "env" ? { env: "TOKEN" } : { file: "token" }
          let [configured, last] = ["first", "first"]
          fs.writeFileSync(file, configured, { mode: 0o600 })
          // What a secret in a file leads to is in the file.
          const value = () => (kind === "env" ? configured : fs.readFileSync(file, "utf8").trimEnd())
          let rotation = await started(secret, value(), directory)
          for (const one of moves) {
            if (one._tag === "Keep") await Effect.runPromise(rotation.keep(Redacted.make((last = one.next))))
            else {
              if (one._tag === "Authorise") {
                configured = last = one.value
                fs.writeFileSync(file, configured)
              }
              rotation = await started(secret, value(), directory)
              assert.equal(Redacted.value(rotation.value), last)
            }
            for (const name of fs.readdirSync(directory)) {
              assert.equal(fs.statSync(path.join(directory, name)).mode & 0o077, 0)
            }
          }
        })
      ),
      { numRuns: 50 }
    )
  )

  it("that others may read is not used, with the call that mends it", () =>
    inDirectory(async (directory) => {
      await Effect.runPromise((await started({ env: "T" }, "first", directory)).keep(Redacted.make("seCRet")))
      const kept = ConfigurationRotation.besideOf(placeIn(directory).file)
      fs.chmodSync(kept, 0o640)
      const refused = await start({ env: "T" }, "first", directory)
      assert.ok(Result.isFailure(refused))
      assert.match(refused.failure.message, new RegExp(`chmod 600 ${kept}`))
      fs.chmodSync(kept, 0o600)
      fs.writeFileSync(kept, '{"value":"seCRet"')
      const spoilt = await start({ env: "T" }, "first", directory)
      assert.ok(Result.isFailure(spoilt))
      assert.match(spoilt.failure.message, /authorise the app again/)
      assert.doesNotMatch(refused.failure.message + spoilt.failure.message, /seCRet/)
    }))

  it("that cannot be kept is told, and not shown", () =>
    inDirectory(async (directory) => {
      const gone = path.join(directory, "gone")
      const rotation = await started({ env: "T" }, "first", gone)
      const result = await Effect.runPromise(Effect.result(rotation.keep(Redacted.make("seCRet"))))
      assert.ok(Result.isFailure(result))
      assert.match(result.failure.message, /cannot be written to .*tidemark\.yaml\.rotated/)
      assert.doesNotMatch(result.failure.message, /seCRet/)
    }))
})
