// Goal: a file of detections is what the commands bring in, and one that is wrong writes nothing and says where.
// Method: the commands as processes, against a simulated org and a real PostgreSQL.
import { DetectionFile } from "@tidemark/cli"
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest"
import { customers } from "../src/customers.ts"
import * as Server from "./support/server.ts"

const scope = Scope.makeUnsafe()
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tidemark-detections-"))
let org: Simulator.Simulator
let server: Server.Server
let database: Server.Database

beforeAll(async () => {
  org = await Effect.runPromise(Scope.provide(Simulator.make({ seed: 3, accounts: 400 }), scope))
  server = await Server.start()
})
beforeEach(async () => {
  database = await server.database()
})
afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await server.close()
  fs.rmSync(folder, { recursive: true, force: true })
})

const main = path.join(import.meta.dirname, "../src/main.ts")
const example = path.join(import.meta.dirname, "../detections.yaml")

const command = (name: string, ...flags: ReadonlyArray<string>) => {
  const reached = [`--url=${org.url}`, `--token=${org.token}`, `--database-url=${database.url}`]
  return new Promise<{ code: number | null; err: string; lines: ReadonlyArray<Record<string, unknown>> }>((resolve) => {
    const args = [main, name, "--source=salesforce", "--json", ...reached, ...flags]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
    let [out, err] = ["", ""]
    child.stdout.on("data", (data) => (out += data))
    child.stderr.on("data", (data) => (err += data))
    child.once("close", (code) =>
      resolve({ code, err, lines: out.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : [])) })
    )
  })
}

const file = (text: string): string => {
  const name = path.join(folder, "detections.yaml")
  fs.writeFileSync(name, text)
  return name
}

/** The accounts that the example wants, said once more. */
const wanted = async () => {
  const { entities } = await Effect.runPromise(org.control.state)
  return Object.entries(entities["Account"] ?? {})
    .filter(([, row]) => String(row["Type"]).startsWith("Customer - ") && row["AnnualRevenue"] !== null)
    .map(([id, row]) => ({
      external_id: id,
      name: String(row["Name"]).trim(),
      city: row["BillingCity"] === null ? null : String(row["BillingCity"]).trim(),
      revenue: row["AnnualRevenue"],
      staff: row["NumberOfEmployees"],
      kind: "customer"
    }))
    .toSorted((a, b) => (a.external_id < b.external_id ? -1 : 1))
}

const copied = () =>
  database.run(`select external_id, name, city, revenue, staff::int as staff, kind from public.salesforce_customers
    where deleted_at is null order by external_id collate "C"`)

const yaml = fs.readFileSync(example, "utf8")

describe("a file of detections", () => {
  it("says the same as the detection in TypeScript", async () => {
    const read = await Effect.runPromise(DetectionFile.read(example).pipe(Effect.provide(NodeServices.layer)))
    assert.deepEqual(read, { customers })
  })

  it("is what plan tells and sync brings in, and what leaves goes", async () => {
    const planned = await command("plan", `--detections=${example}`)
    assert.equal(planned.code, 0, planned.err)
    assert.deepEqual(await database.tables(), [])
    const first = await command("sync", `--detections=${example}`)
    assert.equal(first.code, 0, first.err)
    const before = await wanted()
    assert.ok(before.length > 20 && before.length < 300)
    assert.equal(planned.lines.at(-1)?.["created"], before.length)
    assert.match(String(planned.lines.at(-1)?.["notes"]), /every changed record is read/)
    assert.deepEqual(await copied(), before)
    const [one, other] = before
    const update = (id: string, fields: Record<string, string | null>) =>
      ({ op: "update", entity: "Account", id, fields }) as const
    await Effect.runPromise(
      org.control.mutate({
        ops: [update(one!.external_id, { Type: "Prospect" }), update(other!.external_id, { Name: " Renamed " })]
      })
    )
    const second = await command("sync", `--detections=${example}`)
    assert.deepEqual([second.code, second.lines[0]?.["deleted"], second.lines[0]?.["updated"]], [0, 1, 1], second.err)
    assert.deepEqual(await copied(), await wanted())
  })

  it("stands beside objects, each with its own table", async () => {
    const { code, err, lines } = await command("sync", `--detections=${example}`, "--objects=Account")
    assert.equal(code, 0, err)
    assert.deepEqual(
      lines.map(({ object }) => object),
      ["Account", "customers"]
    )
    assert.equal(await database.count("public.salesforce_account"), 400)
    assert.equal((await copied()).length, (await wanted()).length)
  })

  it("that is wrong is refused with every place at once, before anything is written", async () => {
    const wrong = yaml.replace("path: BillingCity", "path: BilingCity").replace("field: Type", "field: Typ")
    const other = yaml.replace("detections:\n  customers:", "  others:").replace("object: Account", "object: Acount")
    const name = file(wrong + other)
    const { code, err, lines } = await command("sync", `--detections=${name}`)
    assert.equal(code, 2, err)
    assert.deepEqual([lines, await database.tables()], [[], []])
    for (const place of [
      'detections.customers.mapping.city.path: "BilingCity" is not a field of Account. Did you mean BillingCity',
      'detections.customers.filters[0].field: "Typ" is not a field of Account. Did you mean Type',
      'detections.others.object: "Acount" is not an object of salesforce'
    ])
      assert.ok(err.includes(`${name}: ${place}`), err)
  })

  it.each([
    ["no file and no objects", [], /--objects.*--detections/],
    ["a file that is not there", ["--detections=/nowhere/at/all.yaml"], /\/nowhere\/at\/all\.yaml does not exist/],
    ["a settle for no object", [`--detections=${example}`, "--settle=1s"], /--settle is for --objects/]
  ])("%s is a wrong call", async (_, flags, expected) => {
    const { code, err } = await command("sync", ...flags)
    assert.equal(code, 2, err)
    assert.match(err, expected)
    assert.deepEqual(await database.tables(), [])
  })

  it.each([
    ["a column that every table has", yaml.replace("city:", "Tenant:"), /mapping\.Tenant: is the name of a column/],
    ["a long column", yaml.replace("city:", `${"c".repeat(64)}:`), /longer than the 63 letters/],
    ["a long name", yaml.replace("customers:", `${"c".repeat(53)}:`), /is too long/],
    ["the table of an object", yaml.replace("customers:", "account:"), /detections\.account: has the table/],
    [
      "another provider",
      yaml.replace("provider: salesforce", "provider: saleforce"),
      /provider: .*Did you mean salesforce/
    ],
    [
      "a key twice",
      yaml.replace("leaves: Delete", "leaves: Delete\n    leaves: Keep"),
      /customers\.leaves: line \d+, column 5: the key is here already/
    ],
    ["a tag", yaml.replace("constant: customer", "constant: !!binary aGk="), /tags \(!\) are not allowed/]
  ])("a file with %s is refused", async (_, text, expected) => {
    const { code, err } = await command("plan", `--detections=${file(text)}`, "--objects=Account")
    assert.equal(code, 2, err)
    assert.match(err, expected)
  })
})
