/**
 * A detection in TypeScript: the same as `customers` in `detections.yaml`.
 */
import { Detection, Filter } from "@tidemark/core"

export const customers = Detection.poll({
  provider: "salesforce",
  object: "Account",
  mapping: {
    name: Detection.field("Name", { transforms: ["trim"], presence: "Required" }),
    city: Detection.field("BillingCity", { transforms: ["trim", "emptyToNull"] }),
    revenue: "AnnualRevenue",
    staff: "NumberOfEmployees",
    kind: Detection.constant("customer")
  },
  filters: [
    Filter.isIn("Type", ["Customer - Direct", "Customer - Channel"]),
    Filter.not(Filter.isNull("AnnualRevenue"))
  ],
  leaves: "Delete",
  window: { settle: "2 minutes" }
})
