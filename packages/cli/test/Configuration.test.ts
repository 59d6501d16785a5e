// Goal: a configuration file is read whole or refused whole, and no secret is told or taken from a file open to others.
// Method: real files with modes; a secret in every slot, and the file then spoilt at random.
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Configuration from "@tidemark/cli/Configuration"
import * as ConfigurationFile from "@tidemark/cli/ConfigurationFile"
import * as ConfigurationSecret from "@tidemark/cli/ConfigurationSecret"
import * as ConfigurationText from "@tidemark/cli/ConfigurationText"
import type * as CliProblem from "@tidemark/cli/Problem"
import * as Problem from "@tidemark/core/model/Problem"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as assert from "node:assert/strict"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { beforeEach, describe, it, onTestFinished } from "vitest"

/** What a provider could need. */
const Source = Schema.Struct({
  provider: Schema.Literal("crm"),
  url: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^https:\/\/[a-z.]+$/))),
  auth: Schema.Union([
    Schema.Struct({ type: Schema.Literal("bearer"), token: ConfigurationSecret.Secret }),
    Schema.Struct({ type: Schema.Literal("app"), id: Schema.String, clientSecret: ConfigurationSecret.Secret })
  ])
})

let directory: string
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-configuration-"))
  const made = directory
  onTestFinished(() => fs.rmSync(made, { recursive: true, force: true }))
})

const write = (name: string, text: string, mode = 0o600): string => {
  const file = path.join(directory, name)
  fs.writeFileSync(file, text)
  fs.chmodSync(file, mode)
  return file
}

const variables = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { TOKEN: "from-env", EMPTY: "" } }))

const run = <A, E>(effect: Effect.Effect<A, E, FileSystem.FileSystem | Path.Path>) =>
  Effect.runPromise(Effect.result(effect).pipe(Effect.provide(variables), Effect.provide(NodeServices.layer)))

/** The file, and its token. */
const loaded = (file: string) =>
  run(
    Effect.gen(function* () {
      const found = (yield* Configuration.load(Source, { file }))!
      const { auth } = found.configuration.source!
      const secret = auth.type === "bearer" ? auth.token : auth.clientSecret
      const values = yield* Effect.mapError(
        ConfigurationSecret.revealAll([[["source", "auth", "token"], secret]], found.place),
        (problems) => Configuration.refused(file, problems)
      )
      return { ...found.configuration, token: Redacted.value(values.get(secret)!) }
    })
  )

const refusal = async <A>(result: Promise<Result.Result<A, CliProblem.Problem>>): Promise<string> => {
  const settled = await result
  assert.ok(Result.isFailure(settled), "it was read")
  assert.equal(settled.failure.isMendable, true)
  return settled.failure.message
}

const withToken = (token: string) => `source: {provider: crm, auth: {type: bearer, token: ${token}}}\n`

describe("a configuration file", () => {
  it("is told whole: every problem by its path, with what was meant", async () => {
    const text = `
source: {provider: crmm, auth: {type: baerer, token: x}}
objects: {Account: {settle: soon}, "no name": null}
setle: 5m
batchSize: 0
database: {}
`
    const message = await refusal(loaded(write("tidemark.yaml", text)))
    for (const expected of [
      /source\.provider: is "crmm", which is not crm$/m,
      /source\.auth\.type: is "baerer"; allowed: bearer, app\. Did you mean bearer\?$/m,
      /objects\.Account\.settle: is "soon", which is not a duration such as 500ms/,
      /setle: is not known here; .*Did you mean settle/,
      /batchSize: is .* which is not a whole number from 1 to 10000/,
      /database: is an empty object, which is not an object with url, or with dataDir/
    ]) {
      assert.match(message, expected)
    }
  })

  it("is read from any of its names, and two of them are refused", async () => {
    const before = process.cwd()
    process.chdir(directory)
    onTestFinished(() => process.chdir(before))
    assert.equal(Result.getOrThrow(await run(Configuration.load(Source, { file: undefined }))), undefined)
    write("tidemark.json", JSON.stringify({ settle: "1m" }), 0o644)
    assert.ok(Result.getOrThrow(await run(Configuration.load(Source, { file: undefined }))) !== undefined)
    write("tidemark.yaml", "settle: 1m", 0o644)
    const message = await refusal(run(Configuration.load(Source, { file: undefined })))
    assert.match(message, /tidemark\.yaml and tidemark\.json are both here/)
  })

  it.each([
    ["a missing file", () => path.join(directory, "none.yaml"), /does not exist/],
    ["a directory", () => directory, /no regular file/],
    [
      "a file that is not UTF-8",
      () => {
        const file = write("latin.yaml", "")
        fs.writeFileSync(file, Buffer.from([0x61, 0x3a, 0x20, 0xe9]))
        return file
      },
      /UTF-8/
    ],
    ["a file that is too long", () => write("long.yaml", "#".repeat(ConfigurationText.sizeMax + 1)), /longer than/]
  ])("%s is refused", async (_, file, expected) => {
    assert.match(await refusal(loaded(file())), expected)
  })

  it("C19 is used with a secret written out exactly if its owner alone may read and write it", async () => {
    // Every mode that lets the owner read; a link does not hide the mode of what it leads to.
    for (let rest = 0; rest < 0o100; rest++) {
      const file = write("tidemark.yaml", withToken("written-out"), 0o600 | rest)
      const link = path.join(directory, `link-${rest}.yaml`)
      fs.symlinkSync(file, link)
      for (const name of [file, link]) {
        const result = await loaded(name)
        assert.equal(Result.isSuccess(result), rest === 0, `mode 06${rest.toString(8)}`)
        if (Result.isFailure(result)) {
          assert.match(result.failure.message, new RegExp(`chmod (600|o-w) ${name}`))
          assert.doesNotMatch(result.failure.message, /written-out/)
        }
      }
    }
  })

  it("C19 may be read by others when its secrets are elsewhere, and never written by all", async () => {
    for (let rest = 0; rest < 0o100; rest++) {
      const result = await loaded(write("tidemark.yaml", withToken("{ env: TOKEN }"), 0o600 | rest))
      assert.equal(Result.isSuccess(result), (rest & 0o002) === 0, `mode 06${rest.toString(8)}`)
      if (Result.isSuccess(result)) assert.equal(result.success.token, "from-env")
    }
  })

  it("C19 takes a secret from a file that its owner alone may read", async () => {
    const settings = write("tidemark.yaml", withToken("{ file: token }"), 0o644)
    for (let rest = 0; rest < 0o100; rest++) {
      const file = write("token", "from-file\n", 0o600 | rest)
      const result = await loaded(settings)
      assert.equal(Result.isSuccess(result), rest === 0, `mode 06${rest.toString(8)}`)
      if (Result.isSuccess(result)) assert.equal(result.success.token, "from-file")
      else assert.match(result.failure.message, new RegExp(`source\\.auth\\.token: .*chmod 600 ${file}`))
    }
  })

  it.each([
    ["{ env: UNSET }", /source\.auth\.token: names the environment variable UNSET, which is not set/],
    ["{ env: EMPTY }", /EMPTY, which is not set/],
    ["{ file: missing }", /missing, which does not exist/],
    ["{ file: . }", /no regular file/]
  ])("a secret that is not there (%s) is told by its path", async (token, expected) => {
    assert.match(await refusal(loaded(write("tidemark.yaml", withToken(token)))), expected)
  })
})

describe("secrets", () => {
  const canary = "cAnArY!s3cret+Of.the/Org=7f2c"
  const text = `source:
  provider: crm
  url: https://crm.example
  auth:
    type: bearer
    token: ${canary}
objects: [Account, Contact]
settle: 5m
database:
  url: postgres://me:${canary}@db.example/crm
`
  const flow = `{source: {provider: crm, auth: {type: app, id: i, clientSecret: "${canary}"}}, database: {url: "${canary}"}}`

  const told = (text: string): string =>
    Result.match(
      Result.flatMap(ConfigurationText.parse(text), (value) => Configuration.decode(Source, value)),
      {
        onSuccess: () => "",
        onFailure: (problems) => Configuration.refused("tidemark.yaml", problems).message + Problem.format(problems)
      }
    )

  /** One spoilt place: characters taken out, put in, or lines put together. */
  const spoil = fc.record({
    at: fc.nat(),
    taken: fc.nat({ max: 12 }),
    put: fc.constantFrom(
      "",
      " ",
      "\n",
      ":",
      "'",
      '"',
      "- ",
      "*",
      "!",
      "&",
      "{",
      "[",
      "]",
      "}",
      ",",
      "\t",
      "#",
      "|",
      "\n  ",
      "x: "
    )
  })

  it("C04 no part of one is told, however the file is spoilt", () => {
    fc.assert(
      fc.property(fc.constantFrom(text, flow), fc.array(spoil, { minLength: 1, maxLength: 4 }), (text, spoils) => {
        const spoilt = spoils.reduce<string>((all, { at, put, taken }) => {
          const place = at % (all.length + 1)
          return all.slice(0, place) + put + all.slice(place + taken)
        }, text)
        const message = told(spoilt)
        // Eight characters in a row of it are none by chance.
        for (let at = 0; at + 8 <= canary.length; at++) assert.ok(!message.includes(canary.slice(at, at + 8)), message)
      }),
      { numRuns: 5000 }
    )
  })

  it.each([
    "token:SECRETSECRET!x",
    "{ env: 'SECRETSECRET!x' }",
    "[SECRETSECRET]",
    "*SECRETSECRET",
    "!SECRETSECRET x",
    "12345678901234567890"
  ])("C04 nothing of %s in the place of a secret is told", (token) =>
    assert.doesNotMatch(told(withToken(token)) || "read", /SECRETSECRET|1234567890/)
  )

  it("C04 a file that is nothing but a secret is refused without showing it", () => {
    assert.match(told(canary), /is "\(not shown\)", which is not an object/)
  })

  it("replaces a file as a whole, readable by its owner alone, and leaves a link a link", async () => {
    const file = write("token", "old", 0o644)
    const link = path.join(directory, "link")
    fs.symlinkSync(file, link)
    Result.getOrThrow(await run(ConfigurationFile.replace(link, "new")))
    assert.equal(fs.readFileSync(file, "utf8"), "new")
    assert.equal(fs.statSync(file).mode & 0o777, 0o600)
    assert.ok(fs.lstatSync(link).isSymbolicLink())
    assert.deepEqual(fs.readdirSync(directory).toSorted(), ["link", "token"])
    assert.equal(Result.getOrThrow(await run(ConfigurationFile.canReplace(link))), true)
    assert.equal(Result.getOrThrow(await run(ConfigurationFile.canReplace(path.join(directory, "none/token")))), false)
    assert.deepEqual(fs.readdirSync(directory).toSorted(), ["link", "token"])
  })
})
