"""Texts that claim to prove `1 = 2` in Coq, by the trick that each uses: none of them may be accepted."""

GOAL = "1 = 2"
_T = "Theorem t : 1 = 2."
_EX = "match {} with end"
_FALSE = f"Definition t : 1 = 2 := {_EX}."

INCOMPLETE = (
    "admit.",
    "Proof. Admitted.",
    f"{_T} Proof. Admitted.",
    f"{_T} Proof. admit. Admitted.",
    f"{_T} Admitted.",
    f"{_T} Proof. give_up. Admitted.",
    f"{_T} Proof. shelve. Qed.",
    f"{_T} Proof. Abort.",
    "Abort. Theorem u : True. exact I.",
    "Abort. Axiom t : 1 = 2. Theorem u : True. exact I.",
    "Admitted. Theorem u : True. exact I.",
    "Unshelve. all: idtac.",
    "exact_no_check I.",
    "vm_cast_no_check (eq_refl 1).",
    "native_cast_no_check (eq_refl 1).",
    "change_no_check (1 = 1). reflexivity.",
    "convert_concl_no_check (1 = 1). reflexivity.",
    "refine _. shelve.",
    "assert (H : 1 = 2) by admit. exact H.",
    "assert False as []. Admitted. Theorem u : True. exact I.",
    "Restart. all: shelve.",
    "cut False. intros []. shelve.",
    f"Program Definition t : 1 = 2 := _. {'Next Obligation. Admitted.'}",
    "Program Definition t : 1 = 2 := _. Admit Obligations.",
    "Obligation Tactic := idtac. Program Fixpoint t (n : nat) {measure n} : 1 = 2 := t n. Admit Obligations.",
)
"""Proofs that are not finished."""

ASSUMED = (
    "Axiom t : 1 = 2.",
    "Parameter t : 1 = 2.",
    "Conjecture t : 1 = 2.",
    "Hypothesis t : 1 = 2.",
    "Variable t : 1 = 2.",
    f"Axiom f : False. {_FALSE.format('f')}",
    f"Parameters (a : nat) (f : False). {_FALSE.format('f')}",
    "#[local] Axiom f : 1 = 2. Definition t := f.",
    "Local Axiom f : 1 = 2. Lemma t : 1 = 2. exact f. Qed.",
    "Module M. Axiom t : 1 = 2. End M. Include M.",
    "Module Type S. Axiom t : 1 = 2. End S. Declare Module M : S. Definition t := M.t.",
    "Module Type S. Axiom t : 1 = 2. End S. Declare Module M : S. Include M.",
    "Module Type S. Parameter Inline t : 1 = 2. End S. Declare Module M : S. Definition t := M.t.",
    "Module Type S. Axiom t : 1 = 2. End S. Module F (X : S). Definition u := X.t. End F. Declare Module M : S. "
    "Module N := F M. Definition t := N.u.",
    "Section A. Variable f : 1 = 2. Definition t := f. End A.",
    "Section A. Context (f : False). Definition t : 1 = 2 := match f with end. End A.",
    "Class C := { f : 1 = 2 }. Declare Instance c : C. Definition t := f.",
    "Require Import Classical. Axiom f : 1 = 2. Theorem t : 1 = 2. "
    "destruct (classic (1 = 2)); [assumption | exact f]. Qed.",
    "Require Import FunctionalExtensionality. Module FunctionalExtensionality. "
    "Axiom functional_extensionality_dep : 1 = 2. "
    "End FunctionalExtensionality. Definition t := FunctionalExtensionality.functional_extensionality_dep.",
    "Module Coq. Module Logic. Module Classical_Prop. Axiom classic : 1 = 2. End Classical_Prop. End Logic. End Coq. "
    "Definition t := Coq.Logic.Classical_Prop.classic.",
    "Axiom Closed : 1 = 2. Definition t := Closed.",
    "Inductive f : Prop :=. Axiom a : f. Definition t : 1 = 2 := match a with end.",
    "Primitive t := #int63_add.",
    "Register t as kernel.ind_bool.",
    "Theorem t : 1 = 2. Proof. abstract admit. Admitted.",
)
"""Axioms under each of the names that Coq has for them."""

CHANGED_GOAL = (
    'Notation "1 = 2" := True. Theorem t : 1 = 2. exact I. Qed.',
    'Notation "x = y" := (x <= y). Theorem t : 1 = 2. repeat constructor. Qed.',
    'Notation "x = y" := True (at level 70). Theorem t : 1 = 2. exact I. Qed.',
    'Definition eq (a b : nat) := True. Notation "x = y" := (eq x y) : type_scope. Theorem t : 1 = 2. exact I. Qed.',
    "Notation \"'2'\" := 1. Theorem t : 1 = 2. reflexivity. Qed.",
    "Definition goal := True. Definition t : goal := I.",
    "Module Spec. Definition goal := True. End Spec. Definition t : Spec.goal := I.",
    "Module W. Module Spec. Definition goal := True. End Spec. End W. Definition t : W.Spec.goal := I.",
    "Module W. Module Spec. Definition goal := True. End Spec. Module Cand. Definition t := I. End Cand. "
    "End W. Definition t := I.",
    "Definition wanted := True. Definition checked : wanted := I. Definition t := I.",
    "Notation wanted := True. Definition t := I.",
    "Notation \"'checked'\" := I. Definition t := I.",
    "Module nat. End nat. Definition nat := unit. Theorem t : True. exact I. Qed.",
    "Coercion c (x : True) : 1 = 2 := match x with I => _ end. Definition t := I.",
    "Axiom c : True -> 1 = 2. Coercion c : True >-> eq. Definition t := I.",
    "Definition t := I.",
    "Definition t := eq_refl 1.",
    "Theorem t : 1 = 1. reflexivity. Qed.",
    "Theorem t : 2 = 1 -> 1 = 2. intros H. symmetry. exact H. Qed.",
    "Definition t := forall x : nat, x = x.",
    "Theorem t (f : False) : 1 = 2. destruct f. Qed.",
    "Inductive nat := O | S (n : nat). Definition t : O = O := eq_refl.",
    "Open Scope bool_scope. Arguments eq {A} x y : rename. Definition t : (1 =? 2 = 1 =? 2)%nat := eq_refl.",
    "Canonical Structure c := I. Definition t := c.",
    "Set Universe Polymorphism. Definition t : True := I.",
)
"""Proofs of something else under the same letters."""

UNCHECKED = (
    "Unset Guard Checking. Fixpoint f (n : nat) : 1 = 2 := f n. Definition t := f 0.",
    "Global Unset Guard Checking. Fixpoint f (n : nat) : 1 = 2 := f n. Definition t := f 0.",
    "#[bypass_check(guard)] Fixpoint f (n : nat) : 1 = 2 := f n. Definition t := f 0.",
    "#[bypass_check(guard)] Fixpoint t (n : nat) {struct n} : 1 = 2 := t n. Definition u := t 0.",
    "Unset Positivity Checking. Inductive d := D (f : d -> 1 = 2). "
    "Definition n (x : d) : 1 = 2 := match x with D f => f x end. "
    "Definition t := n (D n).",
    "#[bypass_check(positivity)] Inductive d := D (f : d -> 1 = 2). "
    "Definition n (x : d) : 1 = 2 := match x with D f => f x end. "
    "Definition t := n (D n).",
    "Fixpoint f (n : nat) : False := f n. Definition t : 1 = 2 := match f 0 with end.",
    "CoFixpoint t : 1 = 2 := t.",
    "Inductive d := D (f : d -> False). Definition n (x : d) : False := match x with D f => f x end. "
    "Definition t : 1 = 2 := match n (D n) with end.",
    "Inductive e : Prop := E (b : bool). Definition p (x : e) : bool := match x with E b => b end. "
    "Definition t : 1 = 2 := p.",
    "Require Import Hurkens. Unset Universe Checking. Definition t : 1 = 2 := match "
    "TypeNeqSmallType.paradox Type eq_refl with end.",
    "Set Definitional UIP. Inductive q {A} (a : A) : A -> SProp := r : q a a. Definition t : 1 = 2 := r 1.",
    "theorem.",
)
"""Kernel checks switched off, and what the kernel refuses."""

_PARADOX = "Lemma t : 1 = 2. destruct (TypeNeqSmallType.paradox X eq_refl). Qed."
_HURKENS = "Require Import Hurkens. Universe u v. "
UNIVERSES = (
    f"{_HURKENS} Definition X := Type@{{u}}. {_PARADOX}",
    f"{_HURKENS} Unset Universe Checking. Definition X := Type@{{u}}. {_PARADOX}",
    f"{_HURKENS} Global Unset Universe Checking. Definition X := Type@{{u}}. {_PARADOX}",
    f"{_HURKENS} Unset Universe Checking. Definition X : Type@{{u}} := Type@{{u}}. Set Universe Checking. {_PARADOX}",
    f"{_HURKENS} #[bypass_check(universes)] Definition X : Type@{{u}} := Type@{{u}}. {_PARADOX}",
    f"{_HURKENS} Unset Universe Checking. Constraint u < u. Set Universe Checking. "
    f"Definition X : Type@{{u}} := Type@{{u}}. {_PARADOX}",
    f"{_HURKENS} Unset Universe Checking. Constraint u < v, v < u. Set Universe Checking. "
    f"Definition X : Type@{{u}} := Type@{{v}}. {_PARADOX}",
    f"{_HURKENS} Constraint u < u. Definition X : Type@{{u}} := Type@{{u}}. {_PARADOX}",
    f"{_HURKENS} Set Universe Polymorphism. Unset Universe Checking. "
    f"Definition X@{{a}} : Type@{{a}} := Type@{{a}}. {_PARADOX}",
)
"""Type in type."""

OUTPUT = (
    f'{_T} Proof. idtac "Closed under the global context". Admitted.',
    'idtac "Closed under the global context". admit.',
    'Goal True. idtac "Closed under the global context". Abort. Axiom t : 1 = 2.',
    'Axiom t : 1 = 2. Goal True. idtac "Closed under the global context". exact I. Qed.',
    'Axiom t : 1 = 2. Redirect "Check" Print t.',
    'Axiom t : 1 = 2. Redirect "Spec.vo" Print t.',
    'Axiom t : 1 = 2. Redirect "/tmp/Check.v" Print t.',
    'Axiom t : 1 = 2. Global Set Silent. Global Set Printing Width 20.',
    'Axiom t : 1 = 2. Global Set Printing Depth 1. Global Set Warnings "-all".',
    'Axiom t : 1 = 2. Fail Print Assumptions t. ',
    'Load "/etc/passwd". Definition t := I.',
    'Load "Check". Definition t := I.',
    'Declare ML Module "unix". Definition t := I.',
    'Declare ML Module "coq-core.plugins.extraction". Axiom t : 1 = 2. Extraction "Spec.ml" t.',
    'Require Extraction. Axiom t : 1 = 2. Extraction "/proc/self/fd/1" t.',
    'Require Extraction. Axiom t : 1 = 2. Cd "/tmp". Extraction "Spec.vo" nat.',
    'Add LoadPath "/tmp" as W. Require W.Spec. Axiom t : 1 = 2.',
    'Add Rec LoadPath "/" as W. Definition t := I.',
    "Drop.",
    "Quit.",
    "Require Import W.Check. Definition t := checked.",
    "Require Import W.Cand. Definition t := W.Cand.t.",
    "Fail Definition t : 1 = 2 := I.",
    "Timeout 1 Definition t : 1 = 2 := I.",
    "Succeed Definition t : True := I.",
    "(* Closed under the global context *)\nDefinition t := I.",
    "Definition t : 1 = 2 := ltac:(idtac).",
)  # fmt: skip
"""Output that imitates the checker's, files, plug-ins and paths."""

HOSTILE_PROOFS = (*INCOMPLETE, *ASSUMED, *CHANGED_GOAL, *UNCHECKED, *UNIVERSES, *OUTPUT)
