/** Roles: the matrix, the editor of one (?role=), and what one sees (?preview=). */
import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { ErrorState, Skeleton } from "../../components/common/State.tsx";
import { AccessPreview } from "../../components/security/AccessPreview.tsx";
import { styles } from "../../components/security/parts.tsx";
import { SidePanel } from "../../components/shell/SidePanel.tsx";
import { s } from "../../core/securityText.ts";
import { useRoles } from "../../hooks/useSecurity.ts";
import { usePermission } from "../../hooks/useSession.ts";
import { useUrlOpen } from "../../hooks/useUrlState.ts";
import { Matrix } from "./Matrix.tsx";
import { NEW_ROLE, RoleEditor } from "./RoleEditor.tsx";

export function RolesPage(): ReactNode {
  const roles = useRoles();
  const mayWrite = usePermission("roles:write");
  const [open, setOpen] = useUrlOpen("role");
  const [preview, setPreview] = useUrlOpen("preview");
  if (roles.isPending) return <Skeleton rows={8} />;
  if (roles.isError) return <ErrorState error={roles.error} onRetry={() => void roles.refetch()} />;
  if (open !== "") return <RoleEditor key={open} open={open} list={roles.data} mayWrite={mayWrite} onOpen={setOpen} />;
  return (
    <div className={styles.split}>
      <div className={styles.page}>
        <div className={styles.head}>
          <p className={styles.lead}>{s.matrix.lead}</p>
          {mayWrite && (
            <Button size="xs" leftSection={<IconPlus size={14} />} onClick={() => setOpen(NEW_ROLE)}>
              {s.matrix.new}
            </Button>
          )}
        </div>
        <Matrix list={roles.data} mayWrite={mayWrite} onOpen={setOpen} onPreview={setPreview} />
      </div>
      {preview !== "" && (
        <SidePanel title={s.preview.of(preview)} onClose={() => setPreview("")}>
          <div className={styles.panelBody}>
            <AccessPreview request={{ role: preview }} />
          </div>
        </SidePanel>
      )}
    </div>
  );
}

export { RolesPage as Component };
