// The names that as-pect makes known in specs.

/// <reference types="@as-pect/assembly/types/as-pect" />
