// Goal: a connection can be looked at, set up from a file, and kept, and no command ever tells a secret.
// Method: the commands as processes, with real files, against a simulated org and a real PostgreSQL.
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, beforeEach, describe, it, onTestFinished } from "vitest"
import * as Server from "./support/server.ts"

const scope = Scope.makeUnsafe()
let org: Simulator.Simulator
let server: Server.Server
let database: Server.Database
let directory: string

beforeAll(async () => {
  const population = { accounts: 20, contacts: 5 }
  const options = { seed: 11, ...population, oddObjects: true, rotation: true }
  org = await Effect.runPromise(Scope.provide(Simulator.make(options), scope))
  server = await Server.start()
  database = await server.database()
})
afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await server.close()
})
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-connection-"))
  const made = directory
  onTestFinished(() => fs.rmSync(made, { recursive: true, force: true }))
})

const main = path.join(import.meta.dirname, "../src/main.ts")

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
  readonly lines: ReadonlyArray<Record<string, unknown>>
}

/** The command, in a directory of its own. */
const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  new Promise<Ended>((resolve) => {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: directory,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let [out, err] = ["", ""]
    child.stdout.on("data", (data) => (out += data))
    child.stderr.on("data", (data) => (err += data))
    child.once("close", (code) => {
      const lines = out.split("\n").flatMap((line) => (line.startsWith('{"') ? [JSON.parse(line)] : []))
      resolve({ code, out, err, lines })
    })
  })

const write = (name: string, text: string, mode = 0o600) => {
  fs.writeFileSync(path.join(directory, name), text)
  fs.chmodSync(path.join(directory, name), mode)
}

const flags = () => ["--source=salesforce", `--url=${org.url}`, `--token=${org.token}`]

const settings = (auth: string, more = "objects: [Account]") => `source:
  provider: salesforce
  url: ${org.url}
  auth: ${auth}
${more}
database: { url: "${database.url}" }
`

const statuses = ({ lines }: Ended) =>
  Object.fromEntries(
    lines.map(({ object, status, step }) => [object === undefined ? step : `${object} ${step}`, status])
  )

describe("connection check", () => {
  it("tells step by step what works, and which changes cannot be seen", async () => {
    const objects = "--objects=Account,LoginHistory,AccountShare,Nothing"
    const ended = await run(["connection", "check", "--json", ...flags(), objects, `--database-url=${database.url}`])
    assert.equal(ended.code, 2, ended.err)
    const { clock, ...found } = statuses(ended)
    assert.equal(clock, "warn", "the simulated clock stands elsewhere")
    assert.deepEqual(found, {
      address: "ok",
      version: "ok",
      identity: "ok",
      "Account object": "ok",
      "Account read": "ok",
      "Account fields": "ok",
      "Account cursor": "ok",
      "Account deletions": "ok",
      "LoginHistory object": "ok",
      "LoginHistory read": "ok",
      "LoginHistory fields": "ok",
      "LoginHistory cursor": "fail",
      "LoginHistory deletions": "warn",
      "AccountShare object": "ok",
      "AccountShare read": "ok",
      "AccountShare fields": "ok",
      "AccountShare cursor": "fail",
      "AccountShare deletions": "warn",
      "Nothing object": "fail",
      calls: "ok",
      database: "warn"
    })
    const words = ended.lines.filter(({ step }) => step === "database").map(({ message }) => message)
    assert.match(words.join("\n"), /fsync is off.*full_page_writes is off.*synchronous_commit is off/s)
    assert.match(words.join("\n"), /to the role application/)
    assert.deepEqual(await database.tables(), [])
  })

  it("warns of a role that row-level security does not bind", async () => {
    const url = database.url.replace("application@", "postgres@")
    const { code, lines } = await run([
      "connection",
      "check",
      "--json",
      ...flags(),
      "--objects=Account",
      `--database-url=${url}`
    ])
    assert.equal(code, 0)
    assert.ok(lines.some(({ message, status }) => status === "warn" && /row-level security/.test(String(message))))
  })

  it.each([
    ["an address that does not answer", { url: "http://127.0.0.1:9" }, "address", /127\.0\.0\.1:9/],
    ["an address in the clear", { url: "http://example.com" }, "address", /https/],
    ["a version that there is not", { "api-version": "99.0" }, "version", /Set apiVersion to "66\.0"/],
    ["a session that has ended", { token: "00Dspent" }, "identity", /session|token/i],
    [
      "a database that does not answer",
      { "database-url": "postgres://me:p4ssw0rd@127.0.0.1:9/x" },
      "database",
      /cannot be reached/
    ]
  ])("%s fails with its remedy", async (_, changed, step, expected) => {
    const given = { url: org.url, token: org.token, "database-url": database.url, ...changed }
    const args = Object.entries(given).map(([name, value]) => `--${name}=${value}`)
    const ended = await run(["connection", "check", "--json", "--source=salesforce", "--objects=Account", ...args])
    assert.equal(ended.code, 2)
    const failed = ended.lines.filter(({ status }) => status === "fail")
    assert.deepEqual(
      failed.map((line) => line["step"]),
      [step]
    )
    assert.match(String(failed[0]?.["message"]), expected)
    assert.doesNotMatch(ended.out + ended.err, /p4ssw0rd|00Dspent/)
  })
})

describe("connection discover and spec", () => {
  it("lists objects, bounded and by what is searched, and the fields of one", async () => {
    const all = await run(["connection", "discover", "--json", ...flags()])
    const names = all.lines.map(({ name }) => name)
    assert.deepEqual(names, names.toSorted())
    assert.ok(names.includes("Account") && names.includes("LoginHistory"))
    const some = await run(["connection", "discover", ...flags(), "--search=ACC", "--limit=1"])
    assert.match(some.out, /^Account .*\nand [1-9]\d* more; --search narrows them/)
    const fields = await run(["connection", "discover", "--json", ...flags(), "--object=account"])
    const byName = new Map(fields.lines.map((line) => [line["name"], line]))
    assert.equal(byName.get("SystemModstamp")?.["isCursor"], true)
    assert.equal(byName.get("Name")?.["column"], "name")
    assert.match(String(byName.get("BillingAddress")?.["leftOut"]), /./)
    const unknown = await run(["connection", "discover", ...flags(), "--object=Acount"])
    assert.equal(unknown.code, 2)
    assert.match(unknown.err, /Did you mean Account/)
  })

  it("a starter, written where the shell has made an empty file, is a configuration that syncs", async () => {
    write("tidemark.yaml", "", 0o644)
    const starter = await run(["connection", "discover", "--starter", "--search=Account", ...flags()])
    assert.equal(starter.code, 0, starter.err)
    write("tidemark.yaml", starter.out, 0o644)
    const unset = await run(["plan"])
    assert.equal(unset.code, 2)
    assert.match(unset.err, /source\.auth\.token: names the environment variable SALESFORCE_TOKEN, which is not set/)
    const planned = await run(["plan", "--json", "--sample=0", "--database-url", database.url], {
      SALESFORCE_TOKEN: org.token
    })
    assert.equal(planned.code, 0, planned.err)
    assert.equal(planned.lines.find(({ object }) => object === "Account")?.["created"], 20)
  })

  it("tells the schema of the file without reaching anybody, whatever the file is", async () => {
    write("tidemark.yaml", "source: [spoilt", 0o644)
    const { code, out } = await run(["connection", "spec"])
    assert.equal(code, 0)
    const schema = JSON.parse(out)
    const names = Object.keys(schema.properties).toSorted()
    assert.equal(names.join(" "), "$schema batchSize database detections fullEvery lease objects settle source")
    assert.equal(schema.additionalProperties, false)
    const { $schema, ...source } = JSON.parse((await run(["connection", "spec", "--of=source"])).out)
    assert.equal($schema, schema.$schema)
    assert.deepEqual(schema.properties.source, source)
  })
})

describe("a configuration file", () => {
  it("flags win over it, and what neither says is told, all of it at once", async () => {
    write(
      "tidemark.yaml",
      settings("{ type: bearer, token: { env: T } }", "objects: { Nothing: { batchSize: 1 } }"),
      0o644
    )
    const planned = await run(["plan", "--json", "--sample=0", "--objects=Contact", "--token", org.token])
    assert.equal(planned.code, 0, planned.err)
    assert.deepEqual(
      planned.lines.map(({ object, read }) => [object, read]),
      [["Contact", 5]]
    )
    write("other.yaml", "settle: 1m", 0o644)
    const lacking = await run(["plan", "--config=other.yaml"])
    assert.equal(lacking.code, 2)
    assert.match(lacking.err, /--url.*source\.url.*--token.*source\.auth.*--objects/s)
  })

  it("C19 a secret in a file that others may read is refused with the call that mends it, and nothing is sent", async () => {
    const before = await Effect.runPromise(org.control.requests)
    write("tidemark.yaml", settings(`{ type: bearer, token: "${org.token}" }`), 0o640)
    const refused = await run(["sync"])
    assert.equal(refused.code, 2)
    assert.match(refused.err, new RegExp(`chmod 600 ${fs.realpathSync(directory)}/tidemark.yaml`))
    assert.deepEqual(await Effect.runPromise(org.control.requests), before)
    assert.deepEqual(await database.tables(), [])
    fs.chmodSync(path.join(directory, "tidemark.yaml"), 0o600)
    assert.equal((await run(["plan"])).code, 0)
  })

  it("a rotated refresh token is kept before it is used, where it came from", async () => {
    const app = { clientId: "app", clientSecret: "{ env: SECRET }" }
    const auth = (token: string) =>
      `{ type: refresh, clientId: ${app.clientId}, clientSecret: ${app.clientSecret}, refreshToken: ${token} }`
    const env = { SECRET: "sEcret", REFRESH: org.refreshToken }
    // From an environment variable first: it stays what it was, and the newest one is beside the file.
    write("tidemark.yaml", settings(auth("{ env: REFRESH }")), 0o644)
    for (const _ of [1, 2]) {
      const ended = await run(["plan"], env)
      assert.equal(ended.code, 0, ended.err)
    }
    const kept = JSON.parse(fs.readFileSync(path.join(directory, "tidemark.yaml.rotated"), "utf8"))
    assert.equal(fs.statSync(path.join(directory, "tidemark.yaml.rotated")).mode & 0o777, 0o600)
    // Then from a file, which is replaced.
    write("token", kept.value)
    write("tidemark.yaml", settings(auth("{ file: token }")), 0o644)
    const values = [kept.value]
    for (const _ of [1, 2]) {
      const ended = await run(["plan"], env)
      assert.equal(ended.code, 0, ended.err)
      values.push(fs.readFileSync(path.join(directory, "token"), "utf8").trimEnd())
    }
    assert.equal(new Set([org.refreshToken, ...values]).size, 4, "each run spent one and kept the next")
    const check = await run(["connection", "check", "--json"], env)
    assert.equal(statuses(check)["rotation"], "ok")
  })

  it("C04 no command tells a secret, whatever becomes of it", async () => {
    const secrets = Array.from({ length: 6 }, (_, index) => `cAnArY${index}!s3cret`)
    const [token, client, refresh, key, password, variable] = secrets as [
      string,
      string,
      string,
      string,
      string,
      string
    ]
    write("key.pem", `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`)
    const auths = [
      `{ type: bearer, token: "${token}" }`,
      `{ type: refresh, clientId: a, clientSecret: "${client}", refreshToken: "${refresh}" }`,
      `{ type: jwt, clientId: a, username: u@example.com, privateKey: { file: key.pem } }`,
      `{ type: clientCredentials, clientId: a, clientSecret: { env: VARIABLE } }`,
      `{ type: bearer, tokn: "${token}", token: ["${token}"] }`
    ]
    const commands = [["sync", "--json"], ["plan"], ["connection", "check"], ["connection", "discover"]]
    for (const [index, auth] of auths.entries()) {
      const text = settings(auth).replace(/url: "postgres.*"/, `url: "postgres://me:${password}@127.0.0.1:9/x"`)
      write("tidemark.yaml", text, index === 3 ? 0o644 : 0o600)
      for (const args of index === 0 ? commands : [commands[index % 4]!]) {
        const { code, err, out } = await run(args, { VARIABLE: variable })
        assert.notEqual(code, null)
        for (const secret of secrets)
          assert.ok(!`${out}${err}`.includes(secret), `${args.join(" ")} with ${auth}: ${out}${err}`)
      }
    }
  })
})
