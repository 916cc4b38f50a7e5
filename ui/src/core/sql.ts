/** The `logs` view as the workbench shows it, and statements to begin with. */

export interface ViewColumn {
  name: string;
  type: string;
}

export const LOGS_VIEW: readonly ViewColumn[] = [
  { name: "timestamp", type: "DateTime64(9, 'UTC')" },
  { name: "observed_timestamp", type: "DateTime64(9, 'UTC')" },
  { name: "service", type: "String" },
  { name: "severity", type: "String" },
  { name: "severity_number", type: "UInt8" },
  { name: "body", type: "String" },
  { name: "trace_id", type: "String" },
  { name: "span_id", type: "String" },
  { name: "event_name", type: "String" },
  { name: "template_id", type: "String" },
  { name: "attributes", type: "Map(String, String)" },
  { name: "resource", type: "Map(String, String)" },
  { name: "scope_name", type: "String" },
  { name: "scope_version", type: "String" },
];

export interface Example {
  title: string;
  sql: string;
}

export const EXAMPLES: readonly Example[] = [
  {
    title: "Records per service and severity",
    sql: "SELECT service, severity, count() AS records\nFROM logs\nGROUP BY service, severity\nORDER BY records DESC\nLIMIT 50",
  },
  {
    title: "Errors per minute in the last hour",
    sql: "SELECT toStartOfMinute(timestamp) AS minute, count() AS errors\nFROM logs\nWHERE severity IN ('error', 'fatal') AND timestamp > now() - INTERVAL 1 HOUR\nGROUP BY minute\nORDER BY minute",
  },
  {
    title: "Most frequent message templates",
    sql: "SELECT template_id, any(body) AS example, count() AS records\nFROM logs\nGROUP BY template_id\nORDER BY records DESC\nLIMIT 20",
  },
  {
    title: "The newest records",
    sql: "SELECT timestamp, service, severity, body\nFROM logs\nORDER BY timestamp DESC\nLIMIT 100",
  },
];
