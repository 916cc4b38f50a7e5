/** Mantine made to follow the tokens. */
import {
  type CSSVariablesResolver,
  createTheme,
  type MantineColorsTuple,
  type MantineThemeOverride,
} from "@mantine/core";

const blue: MantineColorsTuple = [
  "#eaf3ff",
  "#d3e4fb",
  "#a6c7f5",
  "#7ab8ff",
  "#5aa7ff",
  "#367fe7",
  "#2877e6",
  "#1d6fd1",
  "#165fb6",
  "#0d4a93",
];

const ink: MantineColorsTuple = [
  "#e6eaf0",
  "#c3ccd6",
  "#a3aebb",
  "#929dac",
  "#2a323d",
  "#222934",
  "#1c222b",
  "#181d25",
  "#11151b",
  "#0b0e12",
];

export const theme: MantineThemeOverride = createTheme({
  primaryColor: "nexus",
  colors: { nexus: blue, dark: ink },
  primaryShade: 7,
  defaultRadius: 4,
  fontFamily: "var(--font-ui)",
  fontFamilyMonospace: "var(--font-code)",
  fontSizes: { xs: "12px", sm: "13px", md: "14px", lg: "16px", xl: "20px" },
  cursorType: "pointer",
  focusRing: "auto",
  components: {
    Input: { vars: () => ({ wrapper: { "--input-bd": "var(--border-strong)" } }) },
    Tooltip: { defaultProps: { openDelay: 400, transitionProps: { duration: 80 }, zIndex: 500 } },
    Popover: { defaultProps: { transitionProps: { duration: 80 }, shadow: "md" } },
    Menu: { defaultProps: { transitionProps: { duration: 80 }, shadow: "md" } },
    // A dialog is no page: its head is no banner of one.
    ModalHeader: { defaultProps: { role: "presentation" } },
    Modal: { defaultProps: { transitionProps: { duration: 100 }, overlayProps: { backgroundOpacity: 0.45 } } },
  },
});

const shared = {
  "--mantine-color-body": "var(--raised)",
  "--mantine-color-text": "var(--text)",
  "--mantine-color-dimmed": "var(--text-muted)",
  "--mantine-color-placeholder": "var(--text-faint)",
  "--mantine-color-default": "var(--raised)",
  "--mantine-color-default-hover": "var(--hover)",
  "--mantine-color-default-color": "var(--text)",
  "--mantine-color-default-border": "var(--border)",
  "--mantine-color-anchor": "var(--accent-text)",
  "--mantine-color-error": "var(--danger)",
  "--mantine-primary-color-light": "var(--accent-soft)",
  "--mantine-primary-color-light-color": "var(--accent-text)",
  "--mantine-color-nexus-light": "var(--accent-soft)",
  "--mantine-color-nexus-light-hover": "var(--hover)",
  "--mantine-color-nexus-light-color": "var(--accent-text)",
  "--mantine-color-nexus-text": "var(--accent-text)",
  "--mantine-color-gray-text": "var(--text-muted)",
  "--mantine-color-gray-light-color": "var(--text-muted)",
  "--mantine-color-gray-light-hover": "var(--hover)",
};

export const cssVariables: CSSVariablesResolver = () => ({ variables: {}, light: shared, dark: shared });
