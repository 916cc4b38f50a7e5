/** What verifying the audit log found. */
import { IconShieldCheck, IconShieldX, IconX } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { IconButton } from "../../components/common/IconButton.tsx";
import { styles } from "../../components/security/parts.tsx";
import type { AuditReport } from "../../core/api/security.ts";
import { formatDuration } from "../../core/format.ts";
import { s } from "../../core/securityText.ts";
import own from "./AuditPage.module.css";

const text = s.audit;
const MOST_PROBLEMS = 100;

export function Report({ report, onClose }: { report: AuditReport; onClose(): void }): ReactNode {
  const Icon = report.sound ? IconShieldCheck : IconShieldX;
  return (
    <section className={own.report} data-sound={report.sound} role="status" data-testid="audit-report">
      <Icon size={22} stroke={1.6} aria-hidden />
      <div className={styles.grow}>
        <strong>{report.sound ? text.sound(report.records) : text.unsound(report.problems.length)}</strong>
        <p className={styles.quiet}>
          {text.report(report.first, report.last, report.checkpoints, formatDuration(report.seconds * 1000))}
        </p>
        {report.problems.length > 0 && (
          <ul className={own.problems}>
            {report.problems.slice(0, MOST_PROBLEMS).map((problem, index) => (
              <li key={index}>
                <strong>{text.problem(problem.number)}</strong> {problem.problem}
              </li>
            ))}
            {report.problems.length > MOST_PROBLEMS && (
              <li>{text.moreProblems(report.problems.length - MOST_PROBLEMS)}</li>
            )}
          </ul>
        )}
      </div>
      <IconButton label={text.close} size={24} onClick={onClose}>
        <IconX size={14} />
      </IconButton>
    </section>
  );
}
