/** The dialog that deletes a tenant: its name has to be typed, and is sent along. */
import type { ReactNode } from "react";
import { ConfirmTyped } from "../../components/security/parts.tsx";
import type { TenantInfo } from "../../core/api/security.ts";
import { s } from "../../core/securityText.ts";
import { useApi } from "../../hooks/useApi.tsx";
import { useChanged } from "../../hooks/useSecurity.ts";

const text = s.tenants;

interface Props {
  tenant: TenantInfo | null;
  onClose(): void;
  onBegun(name: string): void;
}

export function DeleteTenant({ tenant, onClose, onBegun }: Props): ReactNode {
  const api = useApi();
  const changed = useChanged("tenant-list");
  return (
    <ConfirmTyped
      asked={
        tenant && {
          title: text.deleteTitle(tenant.name),
          help: text.deleteHelp,
          word: tenant.name,
          action: text.delete,
          run: () => api.deleteTenant(tenant.name, tenant.name),
          onDone: () => {
            changed();
            onClose();
            onBegun(tenant.name);
          },
          onClose,
        }
      }
    />
  );
}
